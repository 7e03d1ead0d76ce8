#!/usr/bin/env python3
"""Every answer that the OpenAPI document declares is given: each status of each operation, each problem, each header
and media type, and each name in the bodies. What is declared and not answered, or answered and not declared, fails.
"""

import base64
import concurrent.futures
import contextlib
import itertools
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from backend_server import Backend
from blackbox import OK, run
from contract_calls import (BATCHES, BODIES, CONTENT, FRAMES, ITEM, RESOLVE, SAVES, Calls, declared_codes,
                            operation_of, scope_of, takes)
from contract_coverage import Coverage
from http_connection import request_bytes
from postgres_serving import Postgres
from serving import Exchange, Exchanges, Server, contract, wait_until

BODY_BYTES = 100_000  # the largest content of the first server
WAITING_MAX = 10_000  # requests that wait for a worker

# What is declared, and cannot be had from a server without breaking more than a test should.
EXCUSED = {
    # Of what only an error of the programmer, or damage that is found by no request of the kind, makes.
    *(f"{method} {path} 500" for method, path in SAVES),
    *(f"POST {path} 500" for path in (*BATCHES, RESOLVE, "/v1/contents:findMissing", "/v1/store:verify")),
    *(f"{method} {path} 500" for method in ("GET", "HEAD") for path in (
        "/", "/v1/cluster", "/v1/config", "/v1/inflight", "/v1/openapi.json", "/v1/operations/{operation}",
        "/v1/parked", "/v1/stats")),
    "HEAD /v1/feed 500",
    # HEAD of a feed is answered at once, without a look at the items.
    "HEAD /v1/feed 503",
    # `itemgate serve` has no store in memory; another program that serves one may.
    "POST /v1/store:verify 501",
    # A batch is overloaded if its scope is one more than the million that a process can know.
    *(f"POST {path} 503 says overloaded" for path in BATCHES),
    # A server of a later version may be in a state that this one has no name for.
    'Cluster.servers.state = "unknown"',
}
BROKEN = {"invalid_utf8": b'{"\xff": 1}', "invalid_json": b'{"a": 1', "json_too_deep": b'{"a": ' + b"[" * 40,
          "unknown_field": b'{"nothing": 1}', "invalid_content": b'{"content": 1}'}


class DeclaredAnswersTest(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        self.pool = self.enterContext(concurrent.futures.ThreadPoolExecutor(8))
        self.coverage = Coverage(contract())
        self.contents = (b"content %d" % number for number in itertools.count())

    def test_all_that_is_declared_is_answered(self):
        for scenario in (self.ordinary, self.under_way, self.too_many, self.refused, self.damaged, self.full,
                         self.shared):
            scenario()
        unseen = {fact for fact in self.coverage.declared - self.coverage.seen if not is_excused(fact)}
        self.assertEqual(sorted(unseen), [], "declared, and never answered")
        needless = EXCUSED & self.coverage.seen | EXCUSED - self.coverage.declared
        self.assertEqual(sorted(needless), [], "excused, and answered or not even declared")

    @contextlib.contextmanager
    def serve(self, *flags, **options):
        """The calls of a server, all answers of which count."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with Server(folder, *flags, **options) as server:
            server.exchanges = Exchanges(of_a_kind=1000)
            yield Calls(server, contract())
        for exchange in server.exchanges:
            self.coverage.see(exchange)

    def expect(self, expected, api, method, path, *call, **variation):
        """The answer, which must be of that status, and say that code behind it."""
        answer = api.ask(method, path, *call, **variation)
        code = f" {answer.code}" if answer.status >= 400 and method != "HEAD" else ""
        wanted = expected.partition(" ")[0] if method == "HEAD" else expected
        self.assertEqual(f"{answer.status}{code}", wanted, f"{method} {path} {call} {variation}: {answer}")
        return answer

    def for_both(self, expected, api, path, *call, **variation):
        for method in ("GET", "HEAD"):
            self.expect(expected, api, method, path, *call, **variation)

    # An ordinary server: what every request may be answered for what it is.

    def ordinary(self):
        with self.serve("--limits.body-bytes", str(BODY_BYTES)) as api:
            for (method, path), status in itertools.product(SAVES[:2], ("201", "200")):
                self.expect(status, api, method, path)
            for method, path, operation in api.operations():
                self.expect("404 not-found" if path == RESOLVE else "200", api, method, path,
                            "after=0" if path == "/v1/feed" else "")
                self.refuse_whatever(api, method, path, operation)
            for save in SAVES:
                self.save_in_many_ways(api, *save)
            self.expect("422 other-content", api, "PUT", CONTENT, digest="0" * 64)
            for path in BATCHES:
                self.expect("200", api, "POST", path, headers={"Prefer": "wait=1"})
                self.expect("200", api, "POST", path, headers={"Content-Type": FRAMES}, body=b"\1\0\0\0x")
                self.expect("200", api, "POST", path, body=b"{}\n")
            self.read_in_many_ways(api)

    def refuse_whatever(self, api, method, path, operation):
        """What its head, and a body that is JSON, are refused for, as far as that is declared."""
        self.expect("400 invalid_argument", api, method, path, "undeclared=1")
        if declared_codes(operation, 406):
            self.expect("406 not-acceptable", api, method, path, headers={"Accept": "image/png"})
        if takes(operation, "Request-Timeout"):
            self.expect("503 deadline-passed", api, method, path, headers={"Request-Timeout": "0"})
        if declared_codes(operation, 413):
            self.expect("413 too-large", api, method, path, headers={"Content-Length": str(2 << 20)})
        if declared_codes(operation, 415):
            described = ITEM if (method, path) in SAVES else BODIES[path][0]
            self.expect("415 unsupported-encoding", api, method, path, headers={"Content-Encoding": "gzip"})
            self.expect("415 unsupported-type", api, method, path,
                        headers={"Content-Type": f"{described}; charset=koi8-r"})
            for code in BROKEN.keys() & declared_codes(operation, 400):
                self.expect(f"400 {code}", api, method, path, headers={"Content-Type": described}, body=BROKEN[code])

    def save_in_many_ways(self, api, method, path):
        other = base64.b64encode(bytes(32)).decode()
        waiting = {"Prefer": "wait=1", "Idempotency-Key": f'"{method} {path}"'}
        self.expect("201", api, method, path, body=next(self.contents), headers=waiting)
        self.expect("422 key-reused", api, method, path, body=next(self.contents), headers=waiting)
        self.expect("200", api, method, path, headers=waiting | {"Idempotency-Key": '"other"'})
        self.expect("400 key-invalid", api, method, path, headers={"Idempotency-Key": ""})
        self.expect("400 empty-content", api, method, path, body=b"")
        self.expect("400 digest-mismatch", api, method, path, headers={"Content-Digest": f"sha-256=:{other}:"})
        self.expect("412 already-exists", api, method, path, headers={"If-None-Match": "*"})
        in_path = scope_of(path) != "default"
        self.expect("422 not-canonical", api, method, path, body=b"no JSON",
                    headers={} if in_path else {"Item-Scope": "a+json"}, **({"scope": "a+json"} if in_path else {}))

    def read_in_many_ways(self, api):
        self.expect("201", api, "POST", "/v1/items", body=b"\xff")
        self.expect("200", api, "GET", "/v1/items", "limit=1")
        self.expect("200", api, "GET", "/v1/feed", "after=0")
        for path in ("/v1/items/{id}", "/v1/contents/sha256/{digest}"):
            self.for_both("304", api, path, headers={"If-None-Match": "*"})
        trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        for path in ("/v1/items/{id}", "/v1/contents/sha256/{digest}", "/v1/operations/{operation}"):
            self.for_both("404 not-found", api, path, headers=trace, id="1234", digest="0" * 64,
                          operation=operation_of(b"unknown"))

    # Saves that are under way, and a backend that fails.

    def under_way(self):
        with Backend() as backend, self.serve("--backend.url", backend.url) as api:
            for method, path in SAVES:
                self.hold_one(api, backend, method, path)
                for kind, code in (("find", "save-failed"), ("save", "save-unknown")):
                    content = next(self.contents)
                    backend.fail(kind, content, None)
                    self.expect(f"502 {code}", api, method, path, body=content)
            for kind, outcome in (("find", "failed"), ("save", "unknown")):
                content = next(self.contents)
                backend.fail(kind, content, None)
                line, _ = api.server.batch([{"content": content.decode()}])
                self.assertEqual(line["outcome"], outcome)

    def hold_one(self, api, backend, method, path):
        """Everything that can be said of a save that is under way, with what joins it."""
        content, key = next(self.contents), {"Idempotency-Key": f'"{method} {path}"'}
        operation = operation_of(content, scope_of(path))
        gate = backend.hold("save", content)
        self.expect("202", api, method, path, body=content, headers=key | {"Prefer": "respond-async"})
        gate.wait_reached()
        self.expect("409 content-in-progress", api, method, path, body=content, headers={"If-None-Match": "*"})
        self.expect("409 request-in-progress", api, method, path, body=content, headers=key)
        self.for_both("200", api, "/v1/operations/{operation}", operation=operation)
        line = [{"content": content.decode(), "scope": scope_of(path)}]
        for headers, status in (({"Prefer": "wait=0"}, 202), ({"If-In-Flight": "reject"}, 409)):
            self.assertEqual(api.server.batch(line, headers)[0]["status"], status)
        joining = [self.pool.submit(api.ask, method, path, body=content), self.pool.submit(api.server.batch, line)]
        wait_until(lambda: api.ask("GET", "/v1/inflight").json()["saves"][0]["waiters"] >= 2, "both have joined")
        gate.open()
        self.assertEqual([joining[0].result().outcome, joining[1].result()[0]["outcome"]], ["joined", "joined"])
        self.for_both("200", api, "/v1/operations/{operation}", "wait=20", operation=operation)

    def too_many(self):
        with Backend() as backend, self.serve("--backend.url", backend.url, "--limits.in-flight", "1") as api:
            content = next(self.contents)
            gate = backend.hold("save", content)
            self.expect("202", api, "POST", "/v1/items", body=content, headers={"Prefer": "respond-async"})
            for save in SAVES:
                self.expect("503 too-many-in-flight", api, *save)
            self.assertEqual(api.server.batch([{"content": "one more"}])[0]["outcome"], "unavailable")
            gate.open()

    # What any request is refused for, whatever its route declares.

    def refused(self):
        flags = ("--threads", "1", "--http.head-time", "1s", "--limits.body-bytes", str(1 << 20),
                 "--limits.gathered-bytes", str(1 << 20))
        with self.serve(*flags) as api:
            for data, expected in (
                    (b"GET /nowhere HTTP/1.1\r\n\r\n", "400 bad_request"),
                    (request_bytes("GET", "/nowhere"), "404 not-found"),
                    (request_bytes("TRACE", "/v1/items"), "405 method-not-allowed"),
                    (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n", "408 timeout"),
                    (request_bytes("GET", "/", headers={"Content-Length": str(1 << 20)}), "413 too-large"),
                    (request_bytes("GET", "/" + "x" * 9000), "414 target-too-long"),
                    (request_bytes("GET", "/", headers={"Expect": "banana"}), "417 expectation-failed"),
                    (request_bytes("GET", "http://elsewhere/"), "421 misdirected"),
                    (request_bytes("GET", "/", headers={"X": "x" * 20_000}), "431 head-too-large"),
                    (request_bytes("BREW", "/v1/items"), "501 not-implemented")):
                with api.server.connect() as connection:
                    connection.send(data)
                    answer = connection.answer()
                    self.assertEqual(f"{answer.status} {answer.code}", expected, data[:80])
            with api.server.connect() as connection:  # which is no request line that an Exchange is made of
                connection.send(request_bytes("GET", "/").replace(b"/1.1", b"/3.7"))
                answer = connection.answer()
                self.assertEqual((answer.status, answer.code), (505, "version-not-supported"))
                api.server.exchanges.append(Exchange("GET", "/", answer, has_body=True))
            with contextlib.ExitStack() as held:
                half = request_bytes("POST", "/v1/items", bytes(600_000), {"Content-Length": "900000"})
                self.sent(api.server, [half], held)
                for save in SAVES:  # more than may be received at a time
                    self.expect("503 overloaded", api, *save, body=bytes(600_000))
            with api.server.connect() as connection:  # more than may wait to be read
                connection.send(request_bytes("GET", "/v1/openapi.json") * 100)
                self.assertEqual({connection.answer().status for _ in range(100)}, {200, 503})

    # A store that is damaged, and one that is full.

    def damaged(self):
        with self.serve() as api:
            self.expect("201", api, "POST", "/v1/items")
            log, = (api.server.data / "log").glob("*.log")
            log.write_bytes(log.read_bytes().replace(b"called", b"CALLED"))
            for path in ("/v1/items/{id}", "/v1/items", "/v1/contents/sha256/{digest}"):
                self.for_both("500 internal", api, path)
            self.expect("500 internal", api, "GET", "/v1/feed", "after=0")

    def full(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "itemgate-test", disk],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(mounted.returncode, 0, f"a small disk cannot be mounted, as root can: {mounted.stderr}")
        try:
            with self.serve(data=disk / "data") as api:
                for save in SAVES:
                    wait_until(lambda: api.ask(*save, body=os.urandom(1 << 20)).status == 507, "it is full")
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)

    # Servers that share a database and a backend: what is parked, what waits, and what the database makes of it.

    def shared(self):
        with Postgres() as postgres, Backend() as backend:
            self.assertEqual(run("migrate", "--store", postgres.url).status, OK)
            flags = ("--store", postgres.url, "--backend.url", backend.url, "--backend.lease", "1s")
            with self.serve(*flags, "--server.name", "first") as first:
                self.expect("201", first, "POST", "/v1/items")
                self.park_and_resolve(first, postgres, backend)
                self.wait_for_a_table(first, postgres, flags)
                self.look_through_a_failover(first, postgres, flags)

    def park_and_resolve(self, api, postgres, backend):
        parked = []
        for method, path in SAVES:
            content = next(self.contents)
            backend.fail_after_effect(content, None)
            backend.find_stale(content, times=3)  # before the save, after it, and when it is sent again
            self.expect("502 save-unknown", api, method, path, body=content)
            self.expect("409 parked", api, method, path, body=content)
            parked.append(operation_of(content, scope_of(path)))
            self.for_both("200", api, "/v1/operations/{operation}", operation=parked[-1])
        self.for_both("200", api, "/v1/parked")
        self.expect("204", api, "POST", RESOLVE, operation=parked[0])
        with postgres.held("SELECT 'held' FROM itemgate.claim WHERE parked AND scope = 'called' FOR UPDATE"):
            resolving = self.pool.submit(self.expect, "502 resolve-unknown", api, "POST", RESOLVE, operation=parked[1])
            wait_until(postgres.waiting, "it waits in the database")
            postgres.kill()
            resolving.result()
        postgres.start()
        wait_until(lambda: api.ask("GET", "/v1/parked").status == 200, "the database is there again")

    def wait_for_a_table(self, first, postgres, flags):
        """A server whose requests all wait for a table, until they are too many; and which then drains."""
        patient = ("--server.name", "second", "--postgres.timeout", "60s", "--limits.pipelined", str(WAITING_MAX))
        with self.serve(*flags, *patient) as second, contextlib.ExitStack() as held:
            with postgres.held("LOCK TABLE itemgate.item IN ACCESS EXCLUSIVE MODE; SELECT 'held'"):
                self.pool.submit(second.ask, "POST", "/v1/store:verify")
                wait_until(postgres.waiting, "it waits in the database")
                self.expect("503 overloaded", second, "POST", "/v1/store:verify")
                flood = request_bytes("GET", f"/v1/operations/{operation_of(b'called')}") * (WAITING_MAX // 2 + 100)
                self.sent(second.server, [flood, flood], held)
                for method, path, operation in second.operations():
                    waits = (method, path) not in SAVES and path not in (*BATCHES, "/v1/store:verify")
                    if waits and "overloaded" in declared_codes(operation, 503):
                        self.expect("503 overloaded", second, method, path)
                self.drain(first, second, held)
                second.server.kill()

    def sent(self, server, requests, held):
        """Connections on each of which the server has received one of these."""
        def received():
            return server.metric("itemgate_http_received_bytes_total")

        before, connections = received(), [held.enter_context(server.connect()) for _ in requests]
        for connection, data in zip(connections, requests):
            connection.send(data)
        wait_until(lambda: received() == before + sum(map(len, requests)), "the server has what was sent")
        return connections

    def drain(self, first, second, held):
        """What was begun before the server drains, and goes on while it does, is refused."""
        requests = [request_bytes("POST", "/v1/items", b"waits"), request_bytes("GET", "/v1/feed?after=0")]
        for method, path in (*SAVES, *(("POST", path) for path in BATCHES)):  # their heads but for the last line
            requests.append(request_bytes(method, second.target(path), headers={
                "Content-Type": BODIES[path][0], "Content-Length": "1"}).removesuffix(b"\r\n"))
        _, *begun = self.sent(second.server, requests, held)
        second.server.terminate()
        self.wait_for_state(first, "second", "draining")
        wait_until(lambda: not accepts(second.server), "new connections are refused")
        for connection in begun[1:]:
            connection.send(b"\r\nx")
        for connection in begun:
            answer = connection.answer()
            self.assertEqual((answer.status, answer.code), (503, "draining"))

    def wait_for_state(self, api, name, state):
        def states():
            return {server["name"]: server["state"] for server in api.ask("GET", "/v1/cluster").json()["servers"]}

        wait_until(lambda: states().get(name) == state, f"{name} is {state}")

    def look_through_a_failover(self, first, postgres, flags):
        """What the servers say of those that are not there, and one that has met a later generation of the store."""
        self.wait_for_state(first, "second", "gone")
        with postgres.held("LOCK TABLE itemgate.item IN ACCESS EXCLUSIVE MODE; SELECT 'held'"):
            verifying = self.pool.submit(first.ask, "POST", "/v1/store:verify")
            wait_until(postgres.waiting, "it waits in the database")
            begin = time.monotonic()
            wait_until(lambda: time.monotonic() > begin + 1, "it has lasted so long that it tells of its progress")
        self.assertIn("items_done", verifying.result().lines()[0])
        with postgres.held("LOCK TABLE itemgate.server IN ACCESS EXCLUSIVE MODE; SELECT 'held'"), \
                self.serve(*flags, "--postgres.timeout", "1s") as blind:
            self.for_both("503 store-unavailable", blind, "/v1/cluster")
        postgres.query("UPDATE itemgate.store SET generation = generation + 1")
        with self.serve(*flags, "--server.name", "late") as late:
            self.wait_for_state(late, "first", "not-ready")
        for method, path, operation in first.operations():
            if "store-unavailable" in declared_codes(operation, 503) and path != "/v1/cluster" \
                    and (method, path) != ("HEAD", "/v1/feed"):
                self.expect("503 store-unavailable", first, method, path, "after=0" if path == "/v1/feed" else "")


def accepts(server):
    """Whether a connection can be made there."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return False
    return True


def is_excused(fact):
    return any(fact == excuse or fact.startswith(f"{excuse} ") for excuse in EXCUSED)


if __name__ == "__main__":
    unittest.main()
