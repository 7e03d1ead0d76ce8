#!/usr/bin/env python3
"""Many clients: those who go away in the middle leave nothing behind, and idle or waiting ones cost little.

ITEMGATE_TEST_CLIENTS says how many go away, if not 100,000.
"""

import itertools
import os
import random
import resource
import unittest
from concurrent.futures import ThreadPoolExecutor

from http_connection import Connection, request_bytes
from serving import ServerTest, wait_until

CLIENTS = int(os.environ.get("ITEMGATE_TEST_CLIENTS", "100000"))
IDLE = 10_000
MIB = 1 << 20


class LeavingClients:
    """Each kind of client goes away somewhere else, with RST or in order."""

    def __init__(self, server, large):
        self._server, self._large = server, large
        self._numbers = itertools.count()

    def leave(self, rng):
        number = next(self._numbers)
        kind = rng.choice((self.in_the_head, self.in_the_body, self.in_a_batch, self.waiting, self.reading,
                           self.listening))
        connection = self._server.connect()
        kind(connection, number, rng)
        if rng.random() < 0.5:
            connection.reset()
        else:
            connection.close()

    def in_the_head(self, connection, number, rng):
        data = request_bytes("POST", "/v1/items", b"head %d" % number)
        connection.send(data[:rng.randrange(1, len(data) - 10)])

    def in_the_body(self, connection, number, rng):
        connection.send(request_bytes("POST", "/v1/items", b"x" * rng.randrange(5000), {"Content-Length": "9999999"}))

    def in_a_batch(self, connection, number, rng):
        headers = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
        line = b'{"content": "batch %d"}\n{"cont' % (number % 500)
        connection.send(request_bytes("POST", "/v1/items:batch", headers=headers) + b"%x\r\n%b\r\n" % (len(line), line))

    def waiting(self, connection, number, rng):
        connection.send(request_bytes("POST", "/v1/items", b"waiting %d" % (number // 8)))

    def reading(self, connection, number, rng):
        connection.send(request_bytes("GET", f"/v1/items/{self._large}"))
        if rng.random() < 0.5:
            connection.reader.read(rng.randrange(1, 1000))

    def listening(self, connection, number, rng):
        connection.send(request_bytes("GET", "/v1/feed?after=0"))
        if rng.random() < 0.5:
            connection.reader.read(10)


class LeavingTest(ServerTest):
    def test_clients_that_leave_in_the_middle_leave_nothing(self):
        server = self.serve("--limits.connections-per-address", "0", "--backend.simulated-delay", "20ms..200ms")
        clients = LeavingClients(server, server.save(b"large " * 50_000).id)
        self.touch_tables(server)
        self.leave(clients, 2000)  # so that what grows once has grown
        descriptors, rss = self.settled(server)
        self.leave(clients, CLIENTS)
        descriptors_after, rss_after = self.settled(server)
        print(f"{CLIENTS} clients left; descriptors {descriptors} and {descriptors_after}, memory {rss / MIB:.1f} and"
              f" {rss_after / MIB:.1f} MiB")
        self.assertLessEqual(descriptors_after, descriptors + 2)
        self.assertLess(rss_after - rss, 5 * MIB + 100 * CLIENTS)
        self.assertEqual(server.save(b"still here").status, 201)

    def touch_tables(self, server):
        """Saves so many that every page of the tables of keys, which are large from the start, is in memory."""
        lines = [{"content": f"key {number}"} for number in range(100_000)]
        self.assertEqual(server.batch(lines)[-1]["created"], len(lines))

    def leave(self, clients, count):
        def some(seed):
            rng = random.Random(seed)
            for _ in range(count // 8):
                clients.leave(rng)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(some, range(8)))

    def settled(self, server):
        """Waits until nothing is under way; gives descriptors and memory."""
        wait_until(lambda: server.stats()["in_flight"] == 0, "the saves are done")
        connections = b"itemgate_http_connections 1\n"  # this one's
        wait_until(lambda: connections in server.manage("GET", "/metrics").body, "the connections are closed")
        return server.descriptors(), server.rss_bytes()


class UnreadAnswersTest(ServerTest):
    def test_a_client_that_asks_for_much_and_reads_nothing_gets_no_more_than_its_share(self):
        server = self.serve()
        item = server.save(b"large " * (8 * MIB // 6))
        before = server.rss_bytes()
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.send(request_bytes("GET", f"/v1/items/{item.id}") * 100)
        answered = b'itemgate_requests_total{method="GET",route="/v1/items/{id}",status="200"}'
        wait_until(lambda: answered in server.manage("GET", "/metrics").body, "it is read")
        for _ in range(20):  # what is not bounded grows by 100 times 8 MiB meanwhile
            server.stats()
            self.assertLess(server.rss_bytes() - before, 64 * MIB)
        for _ in range(100):
            self.assertEqual(len(connection.answer().body), 8 * MIB // 6 * 6)


class ManyTest(ServerTest):
    def setUp(self):
        super().setUp()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        # The near cache has its memory from the start; some kernels count a page of it once it is looked at.
        self.server = self.serve("--limits.connections-per-address", "0", "--http.idle-time", "10m",
                                 "--near-cache.keys", "1000", "--backend.simulated-delay", "10m",
                                 "--admission.delay-target", "0s")
        self.connections = []
        self.addCleanup(lambda: [connection.reset() for connection in self.connections])

    def connect_all(self):
        for number in range(IDLE):
            connection = Connection(self.server.address, source=f"127.0.1.{number % 100 + 1}")
            connection.send(request_bytes("GET", "/v1/config"))
            self.connections.append(connection)
        for connection in self.connections:
            self.assertEqual(connection.answer().status, 200)

    def test_ten_thousand_idle_connections_cost_little_and_so_do_ten_thousand_who_wait(self):
        self.connect_all()
        idle = self.server.rss_bytes()
        self.assertLessEqual(idle, 100 * MIB)
        self.assertEqual(self.server.get("/v1/stats").status, 200)
        for number, connection in enumerate(self.connections):
            connection.send(request_bytes("POST", "/v1/items", b"waiting %d" % number))
        wait_until(lambda: self.server.stats()["in_flight"] == IDLE, "all are waiting")
        waiting = self.server.rss_bytes()
        print(f"{IDLE} idle: {idle / MIB:.1f} MiB; waiting: {waiting / MIB:.1f} MiB")
        self.assertLessEqual(waiting - idle, IDLE * 4096)
        self.assertEqual(self.server.get("/v1/inflight?limit=1").json()["in_flight"], IDLE)


if __name__ == "__main__":
    unittest.main()
