#!/usr/bin/env python3
"""A server that ends: it refuses new saves, finishes what was begun or hands it back, and loses nothing."""

import hashlib
import signal
import threading
import time
import unittest

from http_connection import Connection, request_bytes
from serving import Server, ServerTest, wait_until

DRAIN_SECONDS = 10


def accepts(address):
    """Whether a connection can be made there."""
    try:
        Connection(address).close()
    except ConnectionRefusedError:
        return False
    return True


class Client(threading.Thread):
    """Saves one new content after another on one connection, until that ends. Checks that it ends cleanly."""

    def __init__(self, server, number):
        super().__init__()
        self.saved, self.broken, self._server, self._number = {}, None, server, number
        self.start()

    def run(self):
        connection = self._server.connect()
        for count in range(1_000_000):
            content = b"client %d item %d" % (self._number, count)
            try:
                connection.send(request_bytes("POST", "/v1/items", content))
                if not connection.reader.peek(1):
                    break  # closed before it answered anything
            except ConnectionError:
                break
            try:
                answer = connection.answer()
            except (OSError, AssertionError) as error:
                self.broken = error
                break
            if answer.status == 201:
                self.saved[content] = answer.id
            elif (answer.status, answer.code) != (503, "draining"):
                self.broken = answer
            if answer.closes:
                break
        connection.close()


class DrainTest(ServerTest):
    def end(self, server, within=DRAIN_SECONDS):
        begin = time.monotonic()
        self.assertEqual(server.wait(), 0, server.log)
        self.assertLess(time.monotonic() - begin, within)

    def test_under_load_nothing_acknowledged_is_lost_and_nobody_gets_half_an_answer(self):
        server = self.serve()
        clients = [Client(server, number) for number in range(16)]
        wait_until(lambda: server.stats()["items"] > 500, "the load is on")
        server.terminate()
        self.end(server)
        for client in clients:
            client.join()
            self.assertIsNone(client.broken)
        saved = {content: item_id for client in clients for content, item_id in client.saved.items()}
        self.assertGreater(len(saved), 400)
        server.start()
        items = server.items()
        self.assertEqual({content: item_id for item_id, content in items.items() if content in saved}, saved)

    def slow_save(self, server):
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.send(request_bytes("POST", "/v1/items", b"slow"))
        wait_until(lambda: server.stats()["in_flight"], "the save is under way")
        return connection

    def test_it_is_not_ready_first_and_what_was_begun_is_finished(self):
        server = self.serve("--backend.simulated-delay", "2s")
        connection = self.slow_save(server)
        server.terminate()
        not_ready = wait_until(lambda: (answer := server.manage("GET", "/readyz")).status == 503 and answer,
                               "not ready")
        self.assertIn(b"drain", not_ready.body)
        self.assertEqual(server.manage("GET", "/healthz").status, 200)
        answer = connection.answer()
        self.assertEqual((answer.status, answer.outcome, answer.closes), (201, "created", True))
        self.end(server)
        server.start()
        self.assertEqual(server.items(), {answer.id: b"slow"})

    def test_a_save_that_takes_too_long_is_handed_back(self):
        server = self.serve("--backend.simulated-delay", "40s", "--drain.time", "2s")
        connection = self.slow_save(server)
        stream = server.connect()
        self.addCleanup(stream.close)
        stream.send(request_bytes("GET", "/v1/feed"))
        head = stream.head()
        self.assertEqual(head.status, 200)
        server.terminate()
        answer = connection.answer()
        operation = hashlib.sha256(b"slow").hexdigest() + ".default"
        self.assertEqual((answer.status, answer.json()), (202, {"outcome": "in-progress", "operation": operation}))
        self.assertEqual(answer.fields["location"], f"/v1/operations/{operation}")
        self.assertTrue(answer.closes)
        self.assertEqual(b"".join(stream.pieces(head)).strip(), b"", "the feed ends in order")
        self.end(server)

    def test_a_batch_that_is_open_is_ended(self):
        server = self.serve()
        stream = server.connect()
        self.addCleanup(stream.close)
        stream.send(b"POST /v1/items:batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n12\r\n{\"content\":\"one\"}\n\r\n")
        pieces = stream.pieces(stream.head())
        first = next(pieces)
        self.assertIn(b'"created"', first)
        server.terminate()
        self.assertEqual(b"".join(pieces), b"", "it ends in order, and without the line that says that it is complete")
        self.end(server, within=5)

    def begun(self, server, method, target, body=b""):
        """A connection on which a request has come to the server but for its last bytes, and these."""
        def received():
            return server.metric("itemgate_http_received_bytes_total")

        connection = server.connect()
        self.addCleanup(connection.close)
        head = request_bytes(method, target, headers={
            "Content-Type": "application/x-ndjson", "Content-Length": str(len(body))})
        before = received()
        connection.send(head[:-2])
        wait_until(lambda: received() == before + len(head) - 2, "the server has what was sent")
        return connection, head[-2:] + body

    def finished(self, begun):
        """The answer to a request that was begun; nothing may come behind it."""
        connection, rest = begun
        connection.send(rest)
        answer = connection.answer()
        self.assertEqual((answer.closes, connection.rest()), (True, b""))
        connection.close()
        return answer

    def assert_drained_by(self, drain, server):
        """What it answers on connections that were open before."""
        saves = [self.begun(server, "POST", target, b'{"content":"late"}')
                 for target in ("/v1/items", "/v1/items:batch", "/v1/scopes/late/items")]
        reading, lost = self.begun(server, "GET", "/v1/stats"), self.begun(server, "POST", "/nowhere", b"late")
        under_way = self.slow_save(server)
        drain(server)
        wait_until(lambda: not accepts(server.address), "new connections are refused")
        for save in saves:
            refusal = self.finished(save)
            self.assertEqual((refusal.status, refusal.code, refusal.outcome), (503, "draining", "unavailable"))
            self.assertEqual(refusal.fields["retry-after"], "1")
        self.assertEqual((self.finished(reading).status, self.finished(lost).status), (200, 404))
        answer = self.finished((under_way, b""))
        self.assertEqual((answer.status, answer.outcome, answer.id), (201, "created", 1))
        self.end(server)
        server.start()
        self.assertEqual(server.items(), {1: b"slow"}, "what was refused is not saved")

    def test_new_saves_are_refused_meanwhile_and_what_was_begun_is_answered(self):
        self.assert_drained_by(Server.terminate, self.serve("--backend.simulated-delay", "1s"))

    def test_a_request_of_the_operator_is_the_same_as_a_signal(self):
        def ask(server):
            self.assertEqual(server.manage("POST", "/drain").status, 202)

        self.assert_drained_by(ask, self.serve("--backend.simulated-delay", "1s"))

    def test_a_second_signal_ends_it_at_once(self):
        server = self.serve("--backend.simulated-delay", "40s", "--drain.time", "50s")
        self.slow_save(server)
        server.terminate()
        wait_until(lambda: server.manage("GET", "/readyz").status == 503, "the drain has begun")
        self.assertIsNone(server.process.poll())
        server.terminate()
        begin = time.monotonic()
        server.wait()
        self.assertLess(time.monotonic() - begin, 5)

    def test_interrupt_is_the_same(self):
        server = self.serve()
        server.save(b"kept")
        server.process.send_signal(signal.SIGINT)
        self.end(server)
        server.start()
        self.assertEqual(server.save(b"kept").outcome, "duplicate")


if __name__ == "__main__":
    unittest.main()
