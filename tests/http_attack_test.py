#!/usr/bin/env python3
"""Attacks on the framing, each with its exact answer: docs/http-security.md, S1 to S11 and S17.

An attack must be refused with a problem that repeats nothing of what was sent, on a connection that is closed where
the row says so, and without the service ever hearing of it.
"""

import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from http_connection import chunked, request_bytes
from serving import ContractTest

BODY_LIMIT = 1 << 20
MARK = b"rEfLeCtEd"  # in every attack, in no answer
COUNTED = ("items", "created", "duplicates", "joined", "in_progress", "refused", "in_flight")


def post(*lines, body=b""):
    """A request to save, with these lines in its head."""
    head = b"\r\n".join([b"POST /v1/items HTTP/1.1", b"X-Mark: " + MARK, *lines])
    return head + b"\r\n\r\n" + body


class AttackTest(ContractTest):
    def setUp(self):
        self.before = self.counts()

    def counts(self):
        stats = self.server.stats()
        return {name: stats[name] for name in COUNTED}

    def assert_untouched(self):
        self.assertEqual(self.counts(), self.before, "the service was called")

    def assert_refused(self, data, expected, timeout=20):
        """The bytes are answered with this (status, code), and the connection is closed."""
        with self.server.connect(timeout=timeout) as connection:
            try:
                connection.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered and closed before all was read
            answer = connection.answer()
            self.assertEqual((answer.status, answer.code), expected, data[:200])
            self.assertTrue(answer.closes, data[:200])
            self.assertEqual(connection.rest(), b"", data[:200])
            self.assertNotIn(MARK.lower(), (str(answer.fields).encode() + answer.body).lower(), data[:200])
        return answer

    def assert_all_refused(self, attacks, expected):
        for data in attacks:
            with self.subTest(data[:120]):
                self.assert_refused(data, expected)
        self.assert_untouched()


class FramingTest(AttackTest):
    FLAGS = ("--limits.body-bytes", str(BODY_LIMIT))

    def test_s01_content_length_and_transfer_encoding(self):
        smuggled = b"0\r\n\r\nPOST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
        length, coding, host = b"Content-Length: %d" % len(smuggled), b"Transfer-Encoding: chunked", b"Host: x"
        self.assert_all_refused([
            post(host, length, coding, body=smuggled),
            post(host, coding, length, body=smuggled),
            post(host, b"content-length: 0", b"transfer-encoding: CHUNKED", body=smuggled),
            post(host, coding, b"Content-Length: banana", body=smuggled),
        ], (400, "bad_framing"))

    def test_s02_content_length_that_is_none(self):
        values = [b"+5", b"0x5", b"-5", b"5 5", b"5;", b"5.0", b"", b"1e1", b"5,", b"5, 5", b"5, 6", b"\x0b5",
                  b"\xd9\xa5", b"18446744073709551616", b"18446744073709551621", b"9" * 40]
        lines = [[b"Content-Length: " + value] for value in values]
        lines += [[b"Content-Length: 5", b"Content-Length: 6"], [b"Content-Length: 5", b"Content-Length: 5"]]
        self.assert_all_refused([post(b"Host: x", *some, body=b"hello") for some in lines], (400, "bad_framing"))

    def test_s03_transfer_encoding_that_is_not_chunked(self):
        body, host = chunked(b"hello"), b"Host: x"
        unknown = [b"chunkedx", b"chunked, identity", b"chunked, chunked", b"identity", b"gzip, chunked",
                   b"chunked;q=1", b'"chunked"', b"", b"xchunked", b"chunked chunked"]
        self.assert_all_refused([post(host, b"Transfer-Encoding: " + value, body=body) for value in unknown],
                                (501, "not-implemented"))
        coding = b"Transfer-Encoding: chunked"
        self.assert_all_refused([post(host, coding, coding, body=body),
                                 post(host, b"Transfer-Encoding: identity", coding, body=body),
                                 post(host, b"Transfer-Encoding: \x0bchunked", body=body),
                                 post(host, coding, body=body).replace(b"/1.1", b"/1.0")], (400, "bad_framing"))

    def test_s04_broken_chunks(self):
        bodies = [b"10000000000000000\r\nhello", b"FFFFFFFFFFFFFFFFF\r\nhello", b"fffffffffffffffb\r\nhello",
                  b"-5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
                  b" 5\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n", b"g\r\nhello",
                  b"5\r\nhello0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\rhello\r\n0\r\n\r\n",
                  b"5;a\nb\r\nhello\r\n0\r\n\r\n", b"5;\x00\r\nhello\r\n0\r\n\r\n",
                  b"5;" + b"x" * (1 << 20) + b"\r\nhello",
                  b"0\r\nno colon\r\n\r\n", b"0\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n", b"0" * (1 << 20)]
        head = (b"Host: x", b"Transfer-Encoding: chunked")
        self.assert_all_refused([post(*head, body=body) for body in bodies], (400, "bad_framing"))

    def test_s04_a_body_that_ends_early_saves_nothing(self):
        for body in (b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"5\r\nhel"):
            with self.subTest(body), self.server.connect() as connection:
                connection.send(post(b"Host: x", b"Transfer-Encoding: chunked", body=body))
                connection.socket.shutdown(1)
                rest = connection.rest()
                self.assertTrue(rest == b"" or rest.startswith(b"HTTP/1.1 400 "), rest)
        self.assert_untouched()

    def test_s05_bytes_that_no_head_may_hold(self):
        body = (b"Content-Length: 5",)
        attacks = [post(b"Host: x", line, *body, body=b"hello") for line in (
            b"X: a\nY: b", b"X: a\rY: b", b"X: a\r\n folded", b"X: a\r\n\tfolded", b"X : a", b"X\t: a", b"X: \x00",
            b"X: a\x01b", b"X: \x1b[31m", b"X: \x7f", b": nameless", b"X(: a", b"X\x00: a", b"no colon", b"X\xff: a",
            b"X Y: a")]
        attacks += [self.get(line) for line in (
            b"GET /\x00", b"GET /\x01", b"GET /\x7f", b"GET /a b", b"GET  /", b"GET /\t", b"GET", b"GET ", b"GET /\r")]
        attacks += [b"GET / HTTP/1.1\nHost: x\n\n", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"]
        self.assert_all_refused(attacks, (400, "bad_framing"))

    def test_s05_request_lines_without_a_method_or_a_path(self):
        attacks = [self.get(line) for line in (
            b"GET\t/", b" GET /", b"GET v1/items", b"GET \\v1\\items", b"G\x00T /", b"(GET) /", b"\x00GET /")]
        self.assert_all_refused(attacks, (400, "bad_request"))

    @staticmethod
    def get(line):
        return b"%s HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (line, MARK)

    def test_s06_hosts(self):
        bad = [[], [b"Host: a", b"Host: b"], [b"Host: a", b"Host: a"], [b"Host: a b"], [b"Host: a/b"], [b"Host: u@a"],
               [b"Host: a,b"], [b"Host: a:port"]]
        self.assert_all_refused([post(*hosts, b"Content-Length: 5", body=b"hello") for hosts in bad],
                                (400, "bad_request"))
        answer = self.server.request("GET", "http://other.example/v1/stats", headers={"Host": "localhost"})
        self.assert_problem(answer, 421, "misdirected")
        self.assertEqual(self.server.request("GET", "http://localhost/v1/stats").status, 200)
        old = self.server.raw(b"GET /v1/stats HTTP/1.0\r\n\r\n")
        self.assertTrue(old.startswith(b"HTTP/1.1 200 "), old)

    def test_s07_heads_that_are_too_large(self):
        self.assert_all_refused([
            post(b"Host: x", b"X: " + b"x" * (17 << 10)),
            post(b"Host: x", *[b"X-%d: %s" % (n, b"x" * 400) for n in range(50)]),
            post(b"Host: x", *[b"X: y"] * 100),
            post(b"Host: x", b"X: " + b"x" * (1 << 20)),
        ], (431, "head-too-large"))
        self.assert_all_refused([b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * length)
                                 for length in (8 << 10, 9 << 10, 1 << 20)], (414, "target-too-long"))
        self.assert_all_refused([b"A" * (1 << 20)], (414, "target-too-long"))
        headers = {f"X-{n}": "y" for n in range(99)}
        self.assertEqual(self.server.get("/v1/stats", headers).status, 200, "100 fields are allowed")
        self.assertEqual(self.server.get("/v1/stats", {"X": "x" * (15 << 10)}).status, 200)
        self.assertEqual(self.server.get("/" + "a" * 8000).status, 404)

    def test_s08_a_body_above_the_limit(self):
        rss = self.server.rss_bytes()
        too_large = (413, "too-large")
        for length in (BODY_LIMIT + 1, 1 << 40, (1 << 64) - 1):
            declared = (b"Host: x", b"Content-Length: %d" % length)
            for lines in (declared, (*declared, b"Expect: 100-continue")):
                for body in (b"", b"x" * (4 << 20)):
                    with self.subTest(lines, body=len(body)):
                        self.assert_refused(post(*lines, body=body), too_large)
        pieces = [b"x" * 65536] * (BODY_LIMIT // 65536)
        head = (b"Host: x", b"Transfer-Encoding: chunked")
        for _ in range(20):
            self.assert_refused(post(*head, body=chunked(*pieces, b"x", last=False)), too_large)
        self.assert_untouched()
        self.assertLess(self.server.rss_bytes() - rss, 16 * BODY_LIMIT, "the refused bodies are still in memory")
        with self.server.connect() as connection:
            connection.send(post(*head, body=chunked(*pieces)))
            self.assertEqual(connection.answer().status, 201, "as long as the limit is not too long")

    def test_s09_expectations(self):
        with self.server.connect() as connection:
            connection.send(post(b"Host: x", b"Expect: banana", b"Content-Length: 5"))
            self.assert_problem(connection.answer(), 417, "expectation-failed")
        self.assert_untouched()
        with self.server.connect() as connection:
            connection.send(post(b"Host: x", b"Expect: 100-continue", b"Content-Length: 5"))
            self.assertEqual(connection.answer().status, 100)
            connection.send(b"s0900")
            self.assertEqual(connection.answer().status, 201)

    def test_s10_methods(self):
        for method in ("TRACE", "CONNECT", "DELETE", "PUT", "PATCH", "OPTIONS"):
            with self.subTest(method), self.server.connect() as connection:
                target = "localhost:80" if method == "CONNECT" else "/v1/items"
                answer = connection.request(method, target, headers={"X-Mark": MARK.decode()})
                problem = self.assert_problem(answer, 405, "method-not-allowed")
                self.assertNotIn(MARK.decode(), str(problem))
                if method != "CONNECT":
                    self.assertEqual(set(answer.fields["allow"].split(", ")), {"GET", "HEAD", "POST"})
                self.assertIn("allow", answer.fields)
        for method in ("BREW", "get", "POST" * 100, "PROPFIND"):
            with self.subTest(method), self.server.connect() as connection:
                self.assert_problem(connection.request(method, "/v1/items"), 501, "not-implemented")
        self.assert_untouched()

    def test_s11_other_protocols(self):
        tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
        others = [b"GET /\r\n", tls_hello, b"*1\r\n$9\r\n%s\r\n" % MARK, b"PING %s\r\n" % MARK,
                  b"EHLO %s\r\n" % MARK, b"GET / HTTP/1.1.1\r\nHost: x\r\n\r\n",
                  b"GET / http/1.1\r\nHost: x\r\n\r\n", b"GET / HTTPS/1.1\r\nHost: x\r\n\r\n",
                  b"SSH-2.0-%s\r\n" % MARK, b"\r\n\r\n\x00\x00"]
        versions = [b"GET / HTTP/0.9\r\n\r\n", b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        for attacks, expected in ((others, (400, "bad_request")), (versions, (505, "version-not-supported"))):
            for data in attacks:
                with self.subTest(data[:60]):
                    begin = time.monotonic()
                    self.assert_refused(data, expected)
                    self.assertLess(time.monotonic() - begin, 5, "it waited for more")
        self.assert_untouched()


class PipelineTest(AttackTest):
    FLAGS = ("--backend.simulated-delay", "150ms")

    def test_s17_a_thousand_pipelined_requests_are_answered_in_order_and_a_hundred_at_once(self):
        contents = [b"pipelined %d" % number for number in range(1000)]
        seen = []
        with self.server.connect() as connection, ThreadPoolExecutor(1) as pool:
            data = b"".join(request_bytes("POST", "/v1/items", content, {"X-Request-Id": f"request-{number}"})
                            for number, content in enumerate(contents))
            sending = pool.submit(connection.send, data)
            answers = []
            for number in range(1000):
                answers.append(connection.answer())
                if number % 20 == 0:
                    seen.append(self.server.stats()["in_flight"])
            sending.result()
        self.assertEqual([answer.fields["x-request-id"] for answer in answers], [f"request-{n}" for n in range(1000)])
        self.assertEqual({answer.status for answer in answers}, {201})
        items = self.server.items()
        self.assertEqual([items[answer.id] for answer in answers], contents)
        self.assertLessEqual(max(seen), 100)
        self.assertGreater(max(seen), 10, "they were saved one after another")

    def test_s17_a_quick_answer_waits_for_the_slow_one_before_it(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items", b"slow one") + request_bytes("GET", "/v1/stats"))
            self.assertEqual(connection.answer().outcome, "created")
            self.assertIn("items", connection.answer().json())


if __name__ == "__main__":
    unittest.main()
