"""Clients that check every answer of a cluster while it is being broken, and the audit of what it has saved."""

import bisect
import collections
import hashlib
import random
import statistics
import threading
import time
import unittest

from cluster import Cluster
from serving import wait_until

SAVED = ("created", "duplicate", "joined")
# What else an answer can be, by status; and "lost", if none came.
OTHER = {202: "in-progress", 502: "unknown", 503: "refused", 507: "full"}
BREAKS = ("refused", "unknown", "in-progress", "lost")  # what comes while the database is not there
LOOK_BREAKS = ("refused", "lost")  # the same of a look, of which nothing can be unknown
DEADLINE_SECONDS = 2
RECOVERY_SECONDS = 30  # on however busy a machine
PAUSE_SECONDS = 0.02
GOODPUT_SECONDS = 10  # after the end of a fault it is what it was before it
GOODPUT_SHARE = 0.9


class Ledger:
    """All that clients were told. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.ids = {}  # content → the id that everybody was told
        self.creators = collections.Counter()  # content → how often "created" was answered
        self.problems = []

    def told(self, content, outcome, number):
        with self._lock:
            if self.ids.setdefault(content, number) != number:
                self.problems.append(f"{content!r} has the ids {self.ids[content]} and {number}")
            if outcome == "created":
                self.creators[content] += 1
                if self.creators[content] > 1:
                    self.problems.append(f"{content!r} was created twice")

    def problem(self, text):
        with self._lock:
            self.problems.append(text)

    def take_problems(self):
        """Those since the last time; not all of them, if they are many."""
        with self._lock:
            taken, self.problems = self.problems, []
        return taken[:10] + ([f"and {len(taken) - 10} more"] if len(taken) > 10 else [])


class Clients:
    """Some threads, each of which sends a content to servers chosen at random until one says that it is saved. A
    context manager: at its end every content that was begun must get there, which is the recovery.

    A share of what they send are `new` contents, the others some that were sent before or are being sent. `allowed` are
    the kinds of answers, other than of what is saved, that may come meanwhile. `servers` may change while they run.

    Of what one server has said to be saved, a share is `looked` for at another one at once: it has it, under that id,
    or says that it cannot know. With a `pace` each thread sends a content in every so many seconds at most.
    """

    def __init__(self, servers, ledger, name, allowed=(), threads=6, deadline=DEADLINE_SECONDS, new=0.5, looked=0.2,
                 pace=0):
        self.servers, self._ledger, self._name, self._allowed = servers, ledger, name, set(allowed)
        self._deadline, self._new, self._looked, self._pace = deadline, new, looked, pace
        self._changed = threading.Condition()
        self._next = 0
        self.answers = collections.Counter()  # by kind
        self.seconds = []  # of each answer that said "saved", in order
        self.looks = collections.Counter()  # by kind of answer
        self._goods = []  # when contents were saved at the first try, in order
        self._in_a_row = 0  # answers that said so since the last that did not
        self._stopping = self._giving_up = False
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stopping = True
        end = time.monotonic() + RECOVERY_SECONDS
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
        stuck = [thread for thread in self._threads if thread.is_alive()]
        self._giving_up = True
        for thread in stuck:
            thread.join()
        if kind is None and stuck:
            raise AssertionError(f"{len(stuck)} clients did not get their contents saved; answers: {self.answers}")

    def _run(self, seed):
        choose = random.Random(f"{self._name} {seed}")
        connections = {}
        while not self._stopping:
            begin = time.monotonic()
            with self._changed:
                new = self._next < 10 or choose.random() < self._new
                number = self._next if new else choose.randrange(max(0, self._next - 200), self._next)
                self._next += new
            if self._send(f"{self._name} {number}", choose, connections):
                with self._changed:
                    self._goods.append(time.monotonic())
                time.sleep(max(0, begin + self._pace - time.monotonic()))
                continue
            while not self._giving_up:
                time.sleep(PAUSE_SECONDS * (0.5 + choose.random()))
                if self._send(f"{self._name} {number}", choose, connections):
                    break
        for connection in connections.values():
            connection.close()

    def _send(self, content, choose, connections):
        """One request, and perhaps a look for it at another server; tells whether the content is saved."""
        server = choose.choice(self.servers)
        started = time.monotonic()
        answer = self._ask(connections, server, content, "POST", "/v1/items", content.encode())
        self._count(content, answer, time.monotonic() - started)
        if answer is None or answer.status not in (200, 201):
            return False
        if choose.random() < self._looked:
            others = [other for other in self.servers if other.address != server.address]
            self._look(connections, choose.choice(others or [server]), content, answer.id)
        return True

    def _ask(self, connections, server, content, *request):
        """The answer; None if none came within the deadline, or the connection broke."""
        address = server.address
        try:
            if address not in connections:
                connections[address] = server.connect(timeout=self._deadline)
            answer = connections[address].request(*request)
            if answer.closes:
                connections.pop(address).close()
            return answer
        except OSError:
            if address in connections:
                connections.pop(address).close()
            return None
        except BaseException as error:
            self._ledger.problem(f"{content}: {error!r}")
            raise

    def _look(self, connections, server, content, number):
        """Read after write: what any server has said to be saved, no other one denies, or has under another id."""
        digest = hashlib.sha256(content.encode()).hexdigest()
        answer = self._ask(connections, server, content, "GET", f"/v1/contents/sha256/{digest}")
        if answer is None:
            kind = "lost"
        elif answer.status == 200 and (answer.id, answer.body) == (number, content.encode()):
            kind = "found"
        else:
            kind = OTHER.get(answer.status, "other")
        if kind != "found" and (kind not in self._allowed or kind not in LOOK_BREAKS):
            self._ledger.problem(f"{content}, which is item {number}, looked for: {kind}, {answer}")
        with self._changed:
            self.looks[kind] += 1

    def _count(self, content, answer, seconds):
        if answer is None:
            kind = "lost"
        elif answer.status in (200, 201) and answer.outcome in SAVED:
            kind = answer.outcome
            self._ledger.told(content, kind, answer.id)
        else:
            kind = OTHER.get(answer.status, "other")
        if kind not in SAVED and kind not in self._allowed:
            self._ledger.problem(f"{content}: {kind}, {answer}")
        with self._changed:
            self.answers[kind] += 1
            if kind in SAVED:
                self.seconds.append(seconds)
                self._in_a_row += 1
            else:
                self._in_a_row = 0
            self._changed.notify_all()

    # For the one who breaks things.

    def saved(self):
        return len(self.seconds)

    def wait_for_saved(self, count=100, timeout=RECOVERY_SECONDS):
        """Waits until so many more were told that their content is saved."""
        until = self.saved() + count
        with self._changed:
            if not self._changed.wait_for(lambda: self.saved() >= until, timeout):
                raise AssertionError(f"{until - self.saved()} of {count} are missing; answers: {self.answers}")

    def wait_for(self, kind, count=1, timeout=RECOVERY_SECONDS):
        """Waits until so many more answers of that kind came."""
        until = self.answers[kind] + count
        with self._changed:
            if not self._changed.wait_for(lambda: self.answers[kind] >= until, timeout):
                raise AssertionError(f"not {count} x {kind}; answers: {self.answers}")

    def wait_for_recovery(self, timeout=RECOVERY_SECONDS):
        """Waits until nothing but success is answered; gives how long that took."""
        started = time.monotonic()
        with self._changed:
            self._in_a_row = 0
            if not self._changed.wait_for(lambda: self._in_a_row >= 100, timeout):
                raise AssertionError(f"no recovery within {timeout} s; answers: {self.answers}")
        return time.monotonic() - started

    def goodput(self, seconds=3):
        """Contents that are saved at the first try within a second: the median of the seconds to come."""
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + seconds, "that has been seen")
        starts = [begin + tenth / 10 for tenth in range(int(10 * (seconds - 1)) + 1)]
        return statistics.median(self._goods_between(start, start + 1) for start in starts)

    def wait_for_goodput(self, before, fault_end):
        """Waits for a second in which it is again what it was before a fault; gives how long after its end that was."""
        best = 0

        def is_back():
            nonlocal best
            now = time.monotonic()
            if now - 1 >= fault_end:
                best = max(best, self._goods_between(now - 1, now))
            return best >= GOODPUT_SHARE * before
        try:
            wait_until(is_back, "", timeout=fault_end + GOODPUT_SECONDS - time.monotonic())
        except TimeoutError as error:
            raise AssertionError(f"{before} a second before, at most {best} afterwards; {self.answers}") from error
        return time.monotonic() - fault_end

    def _goods_between(self, begin, end):
        with self._changed:
            return bisect.bisect_left(self._goods, end) - bisect.bisect_left(self._goods, begin)

    def percentile(self, share, since=0):
        ordered = sorted(self.seconds[since:])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class ClusterTest(unittest.TestCase):
    """Tests that break one cluster, one after the other; each must leave it whole."""

    maxDiff = 5000
    FLAGS = ()
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(*cls.FLAGS, **cls.OPTIONS))
        cls.postgres, cls.redis, cls.servers = cls.cluster.postgres, cls.cluster.redis, cls.cluster.servers
        cls.ledger = Ledger()
        cls.unseen = 0  # answers that did not say what became of it

    def clients(self, *allowed, servers=None, **options):
        return Clients(servers or self.servers, self.ledger, self.id().rpartition(".")[2], allowed, **options)

    def save(self, server, content):
        """One request with its answer noted down, if it is one of success."""
        answer = server.save(content.encode())
        if answer.status in (200, 201):
            self.ledger.told(content, answer.outcome, answer.id)
        else:
            type(self).unseen += 1
        return answer

    def wait_until_ready(self, *servers):
        for server in servers or self.servers:
            wait_until(lambda one=server: one.manage("GET", "/readyz").status == 200, "the server is ready")

    def audit(self, *clients):
        """Asks the database itself, and holds it against all that anybody was told since the cluster began."""
        rows = self.postgres.query("SELECT id, scope, convert_from(content, 'UTF8') FROM itemgate.item ORDER BY id")
        saved = [row.split("|", 2) for row in rows]
        self.assertEqual(self.ledger.take_problems(), [])
        self.assertEqual([int(number) for number, _, _ in saved], list(range(1, len(saved) + 1)), "ids are dense")
        contents = {content: int(number) for number, _, content in saved}
        self.assertEqual(len(contents), len(saved), "a content is there twice")
        self.assertEqual(contents, self.ledger.ids)
        unseen = [content for content in contents if not self.ledger.creators[content]]
        for group in clients:
            type(self).unseen += sum(group.answers[kind] for kind in ("lost", "unknown", "in-progress"))
        self.assertLessEqual(len(unseen), self.unseen, "nobody was told of a creation, though every answer came")
        self.report(clients)

    def report(self, clients):
        for group in clients:
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(group.answers.items()))
            p50, p99, slowest = (1e3 * group.percentile(share) for share in (0.5, 0.99, 1))
            looks = ", ".join(f"{count} {kind}" for kind, count in sorted(group.looks.items()))
            print(f"{group._name}: {told}; looked for: {looks or 'none'}; "
                  f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, slowest {slowest:.0f} ms", flush=True)
