"""Runs `itemgate serve`: what the tests of the server share.

Every server is a process of its own on free ports, and is ended by its id. Tests talk to it over `Connection`, which
accepts nothing but well-formed answers, and each server is held to its OpenAPI document when it ends; so whatever the
server sends is checked everywhere.
"""

import functools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path

import blackbox
from blackbox import StoreTest, content_of
from contract import Contract, is_streamed
from http_connection import TIMEOUT_SECONDS, Answer, Connection

POLL_SECONDS = 0.01
VERSION = b" HTTP/1.1\r\n"
# If it is set, all servers have a lock that does that (tests/servers), and nobody may notice.
FAULTY_LOCK = os.environ.get("ITEMGATE_FAULTY_LOCK")
LOCK_FOLDER = tempfile.TemporaryDirectory(prefix="itemgate-lock-") if FAULTY_LOCK else None
KEPT_OF_A_KIND, KEPT_BYTES = 50, 1 << 20  # of answers, and of the body of one that is streamed
METHOD_AND_TARGET = re.compile(rb"([A-Z]{1,16}) (\S+)\Z")  # what stands before the version


def wait_until(condition, what, timeout=TIMEOUT_SECONDS):
    """Polls until `condition` gives something true, and gives it."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s: {what}")
        time.sleep(POLL_SECONDS)
    return result


def environment():
    """This process's, without anything that sets the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ITEMGATE_")}


@dataclass
class Exchange:
    """A request and its answer, which may be a head alone."""
    method: str
    target: str
    answer: Answer
    has_body: bool = False


class Exchanges(list):
    """What was asked and answered, but of each kind no more than some, for there may be a million."""

    def __init__(self, of_a_kind=KEPT_OF_A_KIND):
        super().__init__()
        self._kinds, self._of_a_kind = Counter(), of_a_kind

    def append(self, exchange):
        """Tells whether it was kept."""
        path = re.sub(r"[0-9a-f]{16,}|\d+", "", exchange.target.partition("?")[0])
        answer = exchange.answer
        problem = answer.fields.get("content-length") if answer.status >= 400 else None  # its body is not read yet
        kind = exchange.method, path, answer.status, answer.outcome, problem
        self._kinds[kind] += 1
        if kept := self._kinds[kind] <= self._of_a_kind:
            super().append(exchange)
        return kept


class RecordedConnection(Connection):
    """A connection that adds to `exchanges` what was asked and answered.

    A request is known by its line, so those that are none are left out, and their answers with them.
    """

    def __init__(self, address, exchanges, **options):
        super().__init__(address, **options)
        self._exchanges, self._asked, self._last = exchanges, deque(), None

    def send(self, data):
        *before, _ = data.split(VERSION)
        self._asked.extend(line.groups() for part in before if (line := METHOD_AND_TARGET.search(part[-20_000:])))
        super().send(data)

    def head(self):
        head = super().head()
        self._last = None
        if head.status >= 200 and self._asked:
            method, target = self._asked.popleft()
            exchange = Exchange(method.decode(), target.decode("latin-1"), head)
            self._last = exchange if self._exchanges.append(exchange) else None
        return head

    def answer(self, method="GET"):
        answer = super().answer(method)
        if self._last:
            self._last.answer, self._last.has_body = answer, method != "HEAD"
        return answer

    def pieces(self, head):
        """What comes of a stream is added to its answer, also if it is never read to its end."""
        exchange = self._last if is_streamed(head.fields.get("content-type", "")) else None
        for piece in super().pieces(head):
            if exchange and len(exchange.answer.body) < KEPT_BYTES:
                exchange.answer = exchange.answer._replace(body=exchange.answer.body + piece)
            yield piece


class Server:
    """`itemgate serve` on free ports, as a process of its own. A context manager; `start` may be called by hand.

    Connections of `request` are kept alive, one for each thread.
    """

    def __init__(self, folder, *flags, data=None, binary=blackbox.BINARY, environment=None, listen="127.0.0.1:0",
                 management="127.0.0.1:0", around=(), **options):
        self.folder = Path(folder)
        self.listen, self.listen_management = listen, management
        self.around = around  # a command that runs the server
        self.data = data or self.folder / "data"
        self.flags = flags
        self.binary = binary
        self.exchanges = Exchanges()
        self._environment, self._options = environment or {}, options
        self._number = 0
        self._connections = []

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        died = None if self._ended else self.process.poll()
        self.kill()
        if kind is None and died not in (None, 0):
            raise AssertionError(f"the server ended by itself with {died}:\n{self.log[-4000:]}")
        if kind is None and self.binary == blackbox.BINARY and self.exchanges:
            faults = {fault for exchange in self.exchanges for fault in contract().faults(exchange)}
            if faults:
                raise AssertionError("not in /v1/openapi.json:\n" + "\n".join(sorted(faults)))

    def start(self):
        """Starts the process and waits until it says that it is ready."""
        self.spawn()
        self.wait_for_start()
        return self

    def spawn(self):
        self._number += 1
        self._ended = False
        self._threads = threading.local()
        self.addresses_file = self.folder / f"addresses-{self._number}.json"
        self.log_path, out = self.folder / f"server-{self._number}.log", self.folder / f"server-{self._number}.out"
        program, flags = self.binary, self.flags
        if FAULTY_LOCK and program == blackbox.BINARY:
            program = os.environ["ITEMGATE_FAULTY_LOCK_SERVER"]
            flags = (*flags, "--faulty-lock", FAULTY_LOCK, "--faulty-lock-folder", LOCK_FOLDER.name)
        command = [*self.around, program, "serve", "--listen", self.listen,
                   "--management.listen", self.listen_management, "--addresses-file", self.addresses_file,
                   "--data", self.data, *flags]
        with open(self.log_path, "wb") as log, open(out, "wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                env=environment() | self._environment, **self._options)
        self.out_path = out

    def wait_for_start(self):
        def ready_or_ended():
            return self.addresses_file.exists() or self.process.poll() is not None
        try:
            wait_until(ready_or_ended, "the server is ready")
        except TimeoutError:
            self.kill()
            raise
        if not self.addresses_file.exists():
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log}")
        told = json.loads(self.addresses_file.read_text())
        self.addresses = [address_of(address) for address in told["listen"]]
        self.address = self.addresses[0]
        self.management = address_of(told["management"][0])

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return "http://%s:%d" % self.address

    @property
    def management_url(self):
        return "http://%s:%d" % self.management

    @property
    def log(self):
        """What the process has written to its standard error."""
        return self.log_path.read_text(errors="replace")

    # Talking to it.

    def connect(self, **options):
        return RecordedConnection(self.address, self.exchanges, **options)

    def request(self, method, target, body=None, headers=None):
        """One request over the thread's connection. A connection that the server said it closes is not used again."""
        connection = getattr(self._threads, "connection", None) or self._kept(self.connect())
        self._threads.connection = None
        try:
            answer = connection.request(method, target, body, headers)
        except BaseException as error:
            was_closed = connection.reader.closed  # by another thread, which has ended the server
            connection.close()
            if was_closed and isinstance(error, ValueError):
                raise ConnectionError("the server was ended meanwhile") from error
            raise
        if answer.closes:
            connection.close()
        else:
            self._threads.connection = connection
        return answer

    def _kept(self, connection):
        """Remembers a connection of some thread, to close it when the server ends."""
        self._connections.append(connection)
        return connection

    def get(self, target, headers=None):
        return self.request("GET", target, headers=headers)

    def save(self, content, scope=None, **headers):
        """POST /v1/items; `if_none_match="*"` becomes the header If-None-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if scope:
            named["Item-Scope"] = scope
        return self.request("POST", "/v1/items", content, named)

    def batch(self, items, headers=None):
        """POST /v1/items:batch with these objects as NDJSON; gives the lines of the answer."""
        body = b"".join(json.dumps(item).encode() + b"\n" for item in items)
        headers = {"Content-Type": "application/x-ndjson"} | (headers or {})
        answer = self.request("POST", "/v1/items:batch", body, headers)
        assert answer.status == 200, answer
        return answer.lines()

    def raw(self, data, timeout=TIMEOUT_SECONDS):
        """Sends bytes over a connection of their own; gives all that comes until the server closes."""
        with self.connect(timeout=timeout) as connection:
            try:
                connection.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it answered and closed before it had read all
            return connection.rest()

    def manage(self, method, target):
        """One request to the management listener."""
        with Connection(self.management) as connection:
            return connection.request(method, target)

    def metric(self, name):
        """The value of one metric, whose labels belong to the name."""
        text = self.manage("GET", "/metrics").body.decode()
        return float(re.search(rf"(?m)^{re.escape(name)} (\S+)$", text)[1])

    def stats(self):
        return self.get("/v1/stats").json()

    def items(self):
        """All items as {id: content}; their order, and that no id is missing, are checked."""
        found, after = {}, 0
        while after is not None:
            page = self.get(f"/v1/items?after={after}&limit=1000").json()
            for item in page["items"]:
                assert item["id"] == len(found) + 1, f"{item['id']} behind {len(found)}"
                found[item["id"]] = content_of(item)
            after = page.get("next")
        return found

    # What the system says about it.

    def rss_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # Ending it.

    def kill(self):
        """SIGKILL, and waits for the end."""
        self._ended = True
        self.process.kill()
        self.process.wait()
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def terminate(self):
        """SIGTERM: asks it to drain. Returns at once."""
        self._ended = True
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=TIMEOUT_SECONDS):
        """Waits for the end; gives the exit status."""
        return self.process.wait(timeout)


def address_of(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


@functools.cache
def contract():
    """What the document of the tested program declares."""
    with tempfile.TemporaryDirectory(prefix="itemgate-test-") as folder, Server(folder) as server:
        document = server.get("/v1/openapi.json").json()
        server.exchanges.clear()  # that would ask for this again
    return Contract(document)


class ServerTest(StoreTest):
    """A test that starts servers in its own folder."""

    def serve(self, *flags, **options):
        """A server that ends with the test."""
        server = self.enterContext(Server(self.folder, *flags, **options))
        return server


class SharedServerTest(unittest.TestCase):
    """Tests that share one server, and so must not disturb one another: each has contents of its own."""

    maxDiff = 2000
    FLAGS = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        cls.server = cls.enterClassContext(Server(cls.folder, *cls.FLAGS))

    def assert_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.code), (status, code), answer)
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["request_id"], answer.fields["x-request-id"])
        for name in ("type", "title", "detail"):
            self.assertTrue(problem[name], f"{name} of {problem}")
        if status != 500:
            self.assertNotIn("in the server; its log", problem["detail"], "which says nothing of what to do")
        return problem


class ContractTest(SharedServerTest):
    """Tests of what is declared in the OpenAPI document. Whatever the server answers is held to that anyhow."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.document = cls.server.get("/v1/openapi.json").json()
