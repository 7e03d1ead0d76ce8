#!/usr/bin/env python3
"""Attacks on the server's patience and its places, each with its exact answer: docs/http-security.md, S12 to S14."""

import errno
import select
import socket
import statistics
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from http_connection import Connection, chunked, request_bytes
from serving import ContractTest, wait_until

HEAD_SECONDS = 10
WRITE_SECONDS = 10
OTHER_ADDRESS = "127.0.0.7"


def drip(connection, data, bytes_per_second):
    """Sends slowly until there is an answer; gives (answer, seconds, what comes behind it)."""
    begin = time.monotonic()
    for at in range(len(data)):
        readable, _, _ = select.select([connection.socket], [], [], 1 / bytes_per_second)
        if readable:
            break
        connection.send(data[at:at + 1])
    return connection.answer(), time.monotonic() - begin, connection.rest()


def drip_a_head(server):
    with server.connect() as connection:
        return drip(connection, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100, 1)


def drip_a_second_head(server):
    with server.connect() as connection:
        assert connection.request("GET", "/v1/stats").status == 200
        return drip(connection, b"POST /v1/items HTTP/1.1\r\n" + b"x" * 100, 1)


def stop_in_a_head(server):
    with server.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        begin = time.monotonic()
        return connection.answer(), time.monotonic() - begin, connection.rest()


def drip_a_body(server):
    with server.connect() as connection:
        connection.send(request_bytes("POST", "/v1/items", headers={"Content-Length": "100000"}))
        return drip(connection, b"x" * 10_000, 100)


def stop_in_a_body(server):
    with server.connect() as connection:
        connection.send(request_bytes("POST", "/v1/items", b"x" * 2000, headers={"Content-Length": "100000"}))
        begin = time.monotonic()
        return connection.answer(), time.monotonic() - begin, connection.rest()


def stream_slowly(server):
    """A batch of two lines a second; gives how many there were, and the answer's lines."""
    with server.connect() as connection:
        connection.send(request_bytes("POST", "/v1/items:batch", headers={
            "Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}))
        begin, sent = time.monotonic(), 0
        while time.monotonic() < begin + WRITE_SECONDS + 2:
            connection.send(chunked(b'{"content": "slow line %d"}\n' % sent, last=False))
            sent += 1
            select.select([], [], [], 0.5)
        connection.send(chunked())
        return sent, connection.answer().lines()


def read_nothing(server, item):
    """Asks for far more than all buffers hold; gives the seconds until the server resets, and the error."""
    with server.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes("GET", f"/v1/items/{item}") * 50)
        begin = time.monotonic()
        poll = select.poll()
        poll.register(connection.socket, 0)
        poll.poll(30_000)
        return time.monotonic() - begin, connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class SlowAttackTest(ContractTest):
    """The attacks that take their time all begin at once, with the class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        large = cls.server.save(b"x" * (8 << 20)).id
        pool = cls.enterClassContext(ThreadPoolExecutor(8))
        cls.attacks = {attack: pool.submit(attack, cls.server) for attack in (
            drip_a_head, drip_a_second_head, stop_in_a_head, drip_a_body, stop_in_a_body, stream_slowly)}
        cls.attacks[read_nothing] = pool.submit(read_nothing, cls.server, large)

    def assert_timed_out(self, attack, seconds_min, seconds_max):
        answer, seconds, rest = self.attacks[attack].result()
        self.assert_problem(answer, 408, "timeout")
        self.assertTrue(answer.closes)
        self.assertEqual(rest, b"")
        self.assertGreater(seconds, seconds_min)
        self.assertLess(seconds, seconds_max)

    def test_s12_slowloris(self):
        for attack in (drip_a_head, drip_a_second_head, stop_in_a_head):
            with self.subTest(attack.__name__):
                self.assert_timed_out(attack, HEAD_SECONDS - 2, HEAD_SECONDS + 3)

    def test_s13_a_slow_body(self):
        for attack in (drip_a_body, stop_in_a_body):
            with self.subTest(attack.__name__):
                self.assert_timed_out(attack, 4, 10)

    def test_s13_a_stream_may_be_slow(self):
        sent, lines = self.attacks[stream_slowly].result()
        self.assertEqual(len(lines), sent + 1)
        self.assertEqual((lines[-1]["done"], lines[-1]["created"], lines[-1]["failed"]), (True, sent, 0))

    def test_s13_a_slow_reader(self):
        seconds, error = self.attacks[read_nothing].result()
        self.assertEqual(error, errno.ECONNRESET)
        self.assertGreater(seconds, WRITE_SECONDS - 2)
        self.assertLess(seconds, WRITE_SECONDS + 5)

    def test_s14_ten_thousand_connections_of_one_address(self):
        alone = self.latencies()
        held, refused = [], 0
        try:
            for _ in range(10_000):
                held.append(Connection(self.server.address, source=OTHER_ADDRESS))
                if len(held) <= 200:  # served, and so accepted: threads of the server do not accept in one order
                    self.assertEqual(held[-1].request("GET", "/v1/config").status, 200)
                else:
                    refused += was_closed(held[-1])
                    held.pop().reset()
            self.assertEqual((len(held), refused), (200, 9800))
            self.assertEqual(held[0].request("GET", "/v1/stats").status, 200, "those within the limit are served")
            beside = self.latencies()
        finally:
            for connection in held:
                connection.reset()
        self.assertLess(statistics.median(beside), statistics.median(alone) * 2 + 0.001)
        wait_until(self.is_served_again, "a place is free again")

    def latencies(self):
        """Seconds of requests by an address of its own."""
        seconds = []
        for _ in range(500):
            begin = time.perf_counter()
            self.server.stats()
            seconds.append(time.perf_counter() - begin)
        return seconds

    def is_served_again(self):
        with Connection(self.server.address, source=OTHER_ADDRESS) as connection:
            try:
                return connection.request("GET", "/v1/stats").status == 200
            except ConnectionError:
                return False


def was_closed(connection):
    try:
        return connection.socket.recv(1) == b""
    except ConnectionResetError:
        return True


if __name__ == "__main__":
    unittest.main()
