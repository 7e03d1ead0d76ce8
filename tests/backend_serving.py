"""Three servers on one database, with one slow backend that they share and that counts: what the tests of it share."""

import concurrent.futures
import contextlib
import os
import random
import signal
import tempfile
import threading
import unittest
from collections import Counter
from pathlib import Path

from backend_server import Backend, digest_of
from blackbox import OK, run
from postgres_serving import Postgres
from serving import Server, wait_until

LEASE_SECONDS = 2


@contextlib.contextmanager
def stopped(server):
    """The process stands still: SIGSTOP, and at the end SIGCONT."""
    os.kill(server.pid, signal.SIGSTOP)
    wait_until(lambda: Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it stands")
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


class ThreeServers(unittest.TestCase):
    """Shared by the tests of a class, so each has contents of its own. What a test ends it starts again."""

    maxDiff = 2000
    numbers = iter(range(10**9))
    twice = set()  # digests of what the backend has twice, and not from us

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        cls.postgres = cls.enterClassContext(Postgres())
        assert run("migrate", "--store", cls.postgres.url).status == OK
        cls.backend = cls.enterClassContext(Backend())
        cls.pool = cls.enterClassContext(concurrent.futures.ThreadPoolExecutor(40))
        cls.servers = [cls.enterClassContext(cls.server(number)) for number in range(3)]

    @classmethod
    def tearDownClass(cls):
        try:
            cls.audit()
        finally:
            super().tearDownClass()

    @classmethod
    def audit(cls):
        """Asks the database and the backend themselves what all tests have left."""
        query = cls.postgres.query
        wait_until(lambda: query("SELECT count(*) FROM itemgate.claim WHERE NOT parked") == ["0"],
                   "no claim is left over")
        items = query("SELECT encode(digest, 'hex') FROM itemgate.item WHERE scope = 'default'")
        parked = query("SELECT encode(digest, 'hex') FROM itemgate.claim")
        effects = cls.backend.all_effects()
        faults = {
            "ids have gaps, up to": query("SELECT max(id) FROM itemgate.item HAVING max(id) > count(*)"),
            "items that are there twice": [digest for digest, count in Counter(items).items() if count > 1],
            "items that the backend does not have": [digest for digest in items if not effects.get(digest)],
            "effects twice": [digest for digest, count in effects.items() if count > 1 and digest not in cls.twice],
            "effects of which nobody knows": [digest for digest in effects if digest not in {*items, *parked}]}
        assert not any(faults.values()), {fault: some[:5] for fault, some in faults.items() if some}

    @classmethod
    def server(cls, number):
        (cls.folder / str(number)).mkdir()
        return Server(cls.folder / str(number), "--store", cls.postgres.url, "--backend.url", cls.backend.url,
                      *cls.flags())

    @classmethod
    def flags(cls):
        return ("--backend.lease", f"{LEASE_SECONDS}s", "--near-cache.keys", "1000")

    def content(self):
        return f"{self.id()} {next(self.numbers)}".encode()

    def ask(self, server, content, **headers):
        """Sends it from a thread of its own; gives what will be the answer."""
        return self.pool.submit(server.save, content, **headers)

    def ask_all(self, content):
        """The answers of all servers, which are sent it at once."""
        return [asked.result() for asked in [self.ask(server, content) for server in self.servers]]

    def claims(self, content, what="count(*)"):
        return self.postgres.query(f"SELECT {what} FROM itemgate.claim WHERE digest = '\\x{digest_of(content)}'")

    def assert_unknown(self, answer):
        """Whoever sent it, and has no answer of the backend, is told so."""
        self.assertEqual((answer.status, answer.code), (502, "save-unknown"), answer)

    def assert_told_parked(self, answer):
        """Whoever may only look whether the backend has it is sent to the operator."""
        self.assertEqual((answer.status, answer.code, answer.outcome), (409, "parked", "unknown"), answer)

    def assert_parked(self, content):
        self.assertEqual(self.claims(content, "parked"), ["t"])

    def assert_saved(self, content, *answers, effects=1):
        """Everybody was told, and is told, the same id, and it is in the backend as often as it should."""
        for answer in answers:
            self.assertIn(answer.status, (200, 201), answer)
        again = self.ask_all(content)
        self.assertEqual({answer.status for answer in again}, {200}, again)
        self.assertEqual(len({answer.id for answer in [*answers, *again]}), 1, [*answers, *again])
        self.assertLessEqual(sum(answer.status == 201 for answer in answers), 1, answers)
        self.assertEqual(self.backend.effects(content), effects)
        self.assertEqual(self.claims(content), ["0"])

    def send_until(self, contents, servers):
        """Sends all of them again and again. Gives what gathers the answers, and what ends it."""
        end, answers, lock = threading.Event(), [], threading.Lock()

        def send(server, seed):
            chance = random.Random(seed)
            while not end.is_set():
                content = chance.choice(contents)
                try:
                    answer = server.save(content, prefer="wait=1")
                except OSError:
                    end.wait(0.1)  # it was killed
                    continue
                with lock:
                    answers.append((content, answer))
        senders = [self.pool.submit(send, server, number) for number, server in enumerate(servers * 4)]

        def gather():
            for sender in senders:
                sender.result()
            return answers
        return gather, end

    def judge(self, contents, answers):
        ids = {}
        asked = [[self.ask(server, content) for server in self.servers] for content in contents]
        for content, asked_last in zip(contents, asked):
            last = [answer.result() for answer in asked_last]
            effects = self.backend.effects(content)
            self.assertLessEqual(effects, 1)
            answers += [(content, answer) for answer in last]
            if {answer.status for answer in last} <= {409, 502}:
                self.assert_parked(content)  # and said so
            else:
                self.assertEqual(effects, 1)
        for content, answer in answers:
            if answer.status in (200, 201):
                self.assertEqual(ids.setdefault(content, answer.id), answer.id)
            else:
                self.assertIn(answer.status, (202, 409, 502, 503), answer)
        self.assertGreater(len(ids), len(contents) / 2)
        self.assertEqual(len(set(ids.values())), len(ids))

    @staticmethod
    def restart(server):
        server.kill()
        server.start()
