"""A slow outside system for tests: docs/backend.md, with faults on order, and a count of what really happened.

It keeps no keys: every save that takes effect makes one more item. So `effects` is the judge of "at most once",
and asks nobody else.

    with Backend() as backend:
        server = ... "--backend.url", backend.url
        gate = backend.hold("save", b"content")     # the next save of it waits
        gate.wait_reached(); ...; gate.open()
        assert backend.effects(b"content") == 1

To try it by hand: python3 tests/backend_server.py [delay in seconds] [port]
"""

import asyncio
import collections
import hashlib
import sys
import threading

TIMEOUT_SECONDS = 60


class Gate:
    """Where a call waits until the test lets it go on."""

    def __init__(self, loop):
        self._loop, self._reached, self._open = loop, threading.Event(), asyncio.Event()

    def wait_reached(self, timeout=TIMEOUT_SECONDS):
        if not self._reached.wait(timeout):
            raise TimeoutError("no call came to the gate")

    def open(self):
        self._loop.call_soon_threadsafe(self._open.set)

    async def pass_through(self):
        self._reached.set()
        await self._open.wait()


class Backend:
    """A backend on a free port, on a thread of its own. A context manager; every method from any thread.

    Faults are taken one after the other by the calls for that content. Without one a call takes `delay` seconds, and
    then does what it should.
    """

    def __init__(self, delay=0, find_delay=0, port=0):
        self.delay, self.find_delay, self._port = delay, find_delay, port
        self._lock = threading.Lock()
        self._effects = collections.Counter()
        self._calls = collections.Counter()
        self._faults = collections.defaultdict(collections.deque)
        self._ready = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        if not self._ready.wait(TIMEOUT_SECONDS):
            raise TimeoutError("the backend does not start")
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    # What happened.

    def effects(self, content):
        """How often that content took effect."""
        with self._lock:
            return self._effects[digest_of(content)]

    def all_effects(self):
        """{digest: count} of everything that took effect."""
        with self._lock:
            return dict(self._effects)

    def calls(self, kind, content):
        """How many calls of that kind ("find", "save") came for that content."""
        with self._lock:
            return self._calls[kind, digest_of(content)]

    def add(self, content, count=1):
        """The backend has it without anybody's save."""
        self._apply(digest_of(content), count)

    # Faults. Each is for one call, the first that has none yet.

    def hold(self, kind, content):
        """The call waits at a gate. A save takes effect after it; a look has been made before it, and tells of then."""
        gate = Gate(self._loop)

        async def fault(digest):
            seen = self._do(kind, digest) if kind == "find" else None
            await gate.pass_through()
            return seen or self._do(kind, digest)
        self._add_fault(kind, content, fault)
        return gate

    def hold_after_effect(self, content):
        """The save takes effect, and its answer waits at a gate."""
        gate = Gate(self._loop)

        async def fault(digest):
            self._apply(digest)
            await gate.pass_through()
            return 201
        self._add_fault("save", content, fault)
        return gate

    def fail_after_effect(self, content, status=500):
        """The save takes effect, and fails. A status of None: the connection is closed instead."""
        async def fault(digest):
            self._apply(digest)
            return status
        self._add_fault("save", content, fault)

    def fail(self, kind, content, status):
        """Nothing happens, and that is the answer. None: the connection is closed."""
        async def fault(_):
            return status
        self._add_fault(kind, content, fault)

    def land_late(self, content):
        """The connection is closed at once; the save takes effect when the gate is opened."""
        gate = Gate(self._loop)

        async def fault(digest):
            async def land():
                await gate.pass_through()
                self._apply(digest)
            self._tasks.add(asyncio.create_task(land()))
            return None
        self._add_fault("save", content, fault)
        return gate

    def find_stale(self, content, times=1):
        """Looking for it finds nothing, whatever there is."""
        for _ in range(times):
            self.fail("find", content, 404)

    def answer_twice(self, content):
        """The save takes effect once, and is answered two times."""
        async def fault(digest):
            self._apply(digest)
            return "twice"
        self._add_fault("save", content, fault)

    # The server.

    def _add_fault(self, kind, content, fault):
        with self._lock:
            self._faults[kind, digest_of(content)].append(fault)

    def _apply(self, digest, count=1):
        with self._lock:
            self._effects[digest] += count

    def _do(self, kind, digest):
        if kind == "save":
            self._apply(digest)
            return 201
        with self._lock:
            return 200 if self._effects[digest] else 404

    async def _run(self):
        self._loop, self._end, self._tasks = asyncio.get_running_loop(), asyncio.Event(), set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=4096, limit=1 << 26)
        self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())  # else nobody keeps it while it waits
        try:
            while await self._serve_one(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or was killed; or this ends
        finally:
            writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _serve_one(self, reader, writer):
        """One request; False if that was the last one of the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        if method == "HEAD" and target.startswith("/v1/contents/sha256/"):
            kind, digest = "find", target.rpartition("/")[2]
        elif method == "POST" and target == "/v1/items":
            kind, digest = "save", hashlib.sha256(body).hexdigest()
            assert fields["idempotency-key"] == f'"{digest}"', "what was sent is not what was meant"
        else:
            kind, digest = None, None
        status = await self._answer(kind, digest)
        if status is None:
            return False
        answer = answer_bytes(201 if status == "twice" else status, self._count_field(kind, digest))
        writer.write(answer * 2 if status == "twice" else answer)
        return True

    async def _answer(self, kind, digest):
        if kind is None:
            return 404
        with self._lock:
            self._calls[kind, digest] += 1
            faults = self._faults.get((kind, digest))
            fault = faults.popleft() if faults else None
        if fault:
            return await fault(digest)
        await asyncio.sleep(self.delay if kind == "save" else self.find_delay)
        return self._do(kind, digest)

    def _count_field(self, kind, digest):
        with self._lock:
            return f"Item-Count: {self._effects[digest]}\r\n" if kind == "find" and self._effects[digest] else ""


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def answer_bytes(status, fields=""):
    return f"HTTP/1.1 {status} Answer\r\nContent-Length: 0\r\n{fields}\r\n".encode()


if __name__ == "__main__":
    with Backend(delay=float((sys.argv[1:2] or [2])[0]), port=int((sys.argv[2:3] or [0])[0])) as shown:
        print(f"--backend.url {shown.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{sum(shown.all_effects().values())} items, {len(shown.all_effects())} of them distinct")
