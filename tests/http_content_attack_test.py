#!/usr/bin/env python3
"""Attacks with contents, JSON, types and ids, each with its exact answer: docs/http-security.md, S19 to S31."""

import ctypes
import gzip
import hashlib
import itertools
import json
import math
import time
import unicodedata
import unittest

from serving import ContractTest, wait_until

ITEM = {"Content-Type": "application/vnd.itemgate.item+json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
MARK = "rEfLeCtEd"
ALIKE = 100_000
ROUNDS_MAX = 5  # others may have the processors during some of them

# The first blocks of the two SHAttered files, and Wang's pair of 2004: the same SHA-1, the same MD5.
SHATTERED = bytes.fromhex(
    "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033203020522f54797065"
    "2034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f7253706163652037203020522f4c656e677468"
    "2038203020522f42697473506572436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d312069732064656164212121"
    "2121852fec092339759c39b1a1c63c4c97e1fffe01")
SHA1_PAIR = [SHATTERED + bytes.fromhex(block) for block in (
    "7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530afedfb76038e972722fe7ad72"
    "8f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514e74ddc0f2cc1a874cd0c78305a2156646130"
    "9789606bd0bf3f98cda8044629a1",
    "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd72"
    "8f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd30"
    "9791d06bd0af3f98cda4bc4629b1")]
WANG = bytes.fromhex(
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8f7cdc99fd9"
    "1dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8ce54b67080a80d1ec698"
    "21bcb6a8839396f9652b6ff72a70")
MD5_PAIR = [WANG, bytes(byte ^ 0x80 if at in (19, 45, 59, 83, 109, 123) else byte for at, byte in enumerate(WANG))]


# XXH3 multiplies the difference of a content's first eight bytes to those of its own secret with what comes from the
# next eight. Where there is none, those count for nothing.
XXH3_ALIKE = [bytes.fromhex("b8fe6c3923a44bbe") + b"next %03d" % number + b", and then alike" for number in range(8)]


def xxh3(content):
    function = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    function.restype, function.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)
    return function(content, len(content))


class ContentAttackTest(ContractTest):
    FLAGS = ("--log.format", "json", "--log.requests", "all")

    def post_item(self, body):
        return self.server.request("POST", "/v1/items", body, ITEM)

    def assert_rejected(self, bodies, status, code):
        """As a described item, and as a line of a batch, these are refused; nothing of them is repeated or saved."""
        before = self.server.stats()["items"]
        for body in bodies:
            with self.subTest(body[:60]):
                answer = self.post_item(body)
                self.assert_problem(answer, status, code)
                self.assertNotIn(MARK.encode(), answer.body)
                if b"\n" not in body and body:
                    self.assert_line_rejected(body, status, code)
        self.assertEqual(self.server.stats()["items"], before)

    def assert_line_rejected(self, line, status, code):
        neighbour = b'{"content": "the next line is taken"}'
        answer = self.server.request("POST", "/v1/items:batch", line + b"\n" + neighbour + b"\n", NDJSON)
        self.server.save(b"the next line is taken")
        refused, taken, summary = answer.lines()
        self.assertEqual((refused["index"], refused["status"], refused["outcome"]), (0, status, "rejected"))
        self.assertEqual(refused["problem"]["code"], code)
        self.assertNotIn(MARK, str(refused))
        self.assertIn(taken["outcome"], ("created", "duplicate"))
        self.assertEqual((summary["done"], summary["failed"]), (True, 1))

    def assert_all_created(self, contents):
        """Each is an item of its own, found and given back byte for byte."""
        answers = [self.server.save(content) for content in contents]
        self.assertEqual([answer.status for answer in answers], [201] * len(contents))
        self.assertEqual(len({answer.id for answer in answers}), len(contents))
        for content, answer in zip(contents, answers):
            self.assertEqual(self.server.get(answer.fields["location"]).body, content)
            found = self.server.get("/v1/contents/sha256/" + hashlib.sha256(content).hexdigest())
            self.assertEqual((found.id, found.body), (answer.id, content))
            self.assertEqual(self.server.save(content).outcome, "duplicate")

    def setUp(self):
        self.server.save(b"the next line is taken")  # so that it is no new item in any test

    def test_s19_invalid_utf8(self):
        bad = [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xed\xa0\x80",
               b"\xed\xa0\x80\xed\xb0\x80",
               b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xc3", b"\x80", b"\xff", b"\xfe\xff", b"a\xe2\x82z"]
        self.assert_rejected([b'{"content": "%s%s"}' % (MARK.encode(), form) for form in bad], 400, "invalid_utf8")
        self.assert_rejected([b'{"content": "x", "%s": 1}' % form for form in bad[:3]], 400, "invalid_utf8")
        self.assert_rejected([b'{"content": "\\ud800"}', b'{"content": "\\udc00\\ud800"}'], 400, "invalid_utf8")
        self.assert_all_created([b"s19 " + form for form in bad])

    def test_s20_deep_json(self):
        million = 1_000_000
        deep = [b"[" * million, b'{"a":' * million, b'{"content":' + b"[" * million,
                b'{"content":' + b"[" * 40 + b"]" * 40 + b"}"]
        rss = self.server.rss_bytes()
        self.assert_rejected(deep, 400, "json_too_deep")
        self.assertLess(self.server.rss_bytes() - rss, 64 << 20)
        seconds = {first: min(self.seconds_of(first * million) for _ in range(5)) for first in (b"[", b"x")}
        self.assertLess(seconds[b"["], seconds[b"x"] + 0.010, "slower than to refuse the first byte of as many")

    def seconds_of(self, body):
        begin = time.perf_counter()
        self.assertEqual(self.post_item(body).status, 400)
        return time.perf_counter() - begin

    def test_s20_deep_json_in_a_scope_that_compares_json(self):
        answer = self.server.save(b"[" * 1_000_000, scope="s20+json")
        self.assert_problem(answer, 422, "not-canonical")

    def test_s21_what_is_not_json(self):
        self.assert_rejected([
            b'{"content": "a", "content": "%s"}' % MARK.encode(), b'{"content": "a", "\\u0063ontent": "b"}',
            b'{"content": "a"} x', b'{"content": "a"}{"content": "b"}', b'\xef\xbb\xbf{"content": "a"}',
            b'{"content": NaN}', b'{"content": Infinity}', b'{"content": 1e400}', b'{"content": "a",}',
            b"{'content': 'a'}",
            b'{"content": "a" /* %s */}' % MARK.encode(), b'{content: "a"}', b'{"content": "a\tb"}', b'{"content": "a"',
            b'{"content": "\\x41"}', b'{"content": 01}', b'{"content": "a"}\0',
            MARK.encode(),
            b'{"content": "a"}\n{"content": "b"}', b"{", b'"'], 400, "invalid_json")
        self.assertEqual(self.post_item(b"").code, "invalid_json")

    def test_s22_fields_that_are_not_the_senders(self):
        bodies = [json.dumps({"content": "s22", name: value}).encode() for name, value in (
            ("id", 5), ("tenant", "a"), ("role", "admin"), ("state", "saved"), ("__proto__", {}), ("saved_at", "now"),
            ("Content", MARK), ("sha256", "0" * 64), ("", 1))]
        self.assert_rejected(bodies, 400, "unknown_field")

    def test_s23_contents_that_are_none(self):
        values = [{"content": value} for value in (5, None, [], {}, True, ["x"], "")]
        values += [{"contentBase64": value} for value in (5, None, "****", "YQ", "YQ==\n", "Y Q==", "")]
        values += [{}, {"content": "a", "contentBase64": "YQ=="}, {"mediaType": "text/plain"}]
        self.assert_rejected([json.dumps(value).encode() for value in values], 400, "invalid_content")
        self.assert_rejected([b"[]", b"5", b"null", b'"text"', b'[{"content": "a"}]'], 400, "invalid_content")
        self.assert_problem(self.server.save(b""), 400, "empty-content")

    def test_s24_types(self):
        before = self.server.stats()["items"]
        line = b'{"content": "s24"}\n'
        for kind in (None, "text/plain", "application/json", "application/x-ndjson; charset=utf-7", "nonsense", MARK,
                     "application/x-ndjson, text/plain", "application/x-www-form-urlencoded"):
            with self.subTest(kind):
                answer = self.server.request("POST", "/v1/items:batch", line, {"Content-Type": kind})
                self.assertNotIn(MARK, str(self.assert_problem(answer, 415, "unsupported-type")))
        for kind in (None, "text/plain", "application/json; charset=utf-7", "application/x-www-form-urlencoded"):
            with self.subTest(kind):
                answer = self.server.request("POST", "/v1/contents:findMissing", b'{"sha256": []}',
                                             {"Content-Type": kind})
                self.assert_problem(answer, 415, "unsupported-type")
        answer = self.server.request("POST", "/v1/items", line,
                                     {"Content-Type": ITEM["Content-Type"] + "; charset=utf-7"})
        self.assert_problem(answer, 415, "unsupported-type")
        for accept in ("image/png", "text/html", "application/json;q=0", "*/*;q=0", "application/xml, text/*"):
            with self.subTest(accept):
                self.assert_problem(self.server.get("/v1/stats", {"Accept": accept}), 406, "not-acceptable")
                self.assert_problem(self.server.save(b"s24", Accept=accept), 406, "not-acceptable")
        self.assertEqual(self.server.stats()["items"], before)
        for accept in ("*/*", "application/*", "application/json", "text/html, */*;q=0.1",
                       "application/problem+json, */*"):
            self.assertEqual(self.server.get("/v1/stats", {"Accept": accept}).status, 200, accept)
        for kind in ("application/ndjson", "application/x-ndjson; charset=utf-8", "Application/X-NDJSON;charset=UTF-8"):
            answer = self.server.request("POST", "/v1/items:batch", line, {"Content-Type": kind})
            self.assertEqual(answer.status, 200, kind)

    def test_s25_compressed_bodies(self):
        bomb = gzip.compress(bytes(64 << 20))
        before, rss = self.server.stats()["items"], self.server.rss_bytes()
        for coding in ("gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x-" + MARK):
            for target, kind in (("/v1/items", "text/plain"), ("/v1/items:batch", "application/x-ndjson")):
                with self.subTest(coding, target=target), self.server.connect() as connection:
                    headers = {"Content-Encoding": coding, "Content-Type": kind}
                    answer = connection.request("POST", target, bomb, headers)
                    self.assertNotIn(MARK, str(self.assert_problem(answer, 415, "unsupported-encoding")))
        self.assertEqual(self.server.stats()["items"], before)
        self.assertLess(self.server.rss_bytes() - rss, 32 << 20)
        self.assert_all_created([bomb])
        self.assertEqual(self.server.save(b"s25", Content_Encoding="identity").status, 201)

    def test_s26_twins_are_two_items(self):
        text = "s26 Caf\u00e9"
        self.assert_all_created([twin.encode() for twin in (
            unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text), text + " ", text.upper(),
            text.lower(),
            text + "\n", text + "\r\n", text + "\0", "\ufeff" + text)])

    def test_s27_contents_that_mean_something_elsewhere(self):
        self.assert_all_created([
            b"'; DROP TABLE items; --", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
            b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"%s%s%n%x", b"a\0b", b"\0", b"${jndi:ldap://x/a}", b"$(reboot)`reboot`", b"<script>alert(1)</script>",
            b"../../../etc/passwd", b"data: x\n\nevent: y\n\n", b'{"content": "x"}', b"\x1b]0;title\x07",
            bytes(range(256))])

    def test_s28_known_collisions_of_other_digests_are_different_items(self):
        self.assertEqual(len({hashlib.sha1(content).digest() for content in SHA1_PAIR}), 1)
        self.assertEqual(len({hashlib.md5(content).digest() for content in MD5_PAIR}), 1)
        self.assertEqual(len({xxh3(content) for content in XXH3_ALIKE}), 1)
        for alike in (SHA1_PAIR, MD5_PAIR, XXH3_ALIKE):
            self.assertEqual(len(set(alike)), len(alike))
            self.assert_all_created(alike)

    def test_s29_contents_for_one_bucket(self):
        """A hundred thousand contents whose digests begin with the same six bits: if the digest alone chose the place,
        all would have one of the 64 parts of the table of what is in flight. They are as fast as others, new and known.
        """
        alike, others, best = [], [], {"new": math.inf, "known": math.inf}
        for content in (b"s29 %d" % number for number in itertools.count()):
            if hashlib.sha256(content).digest()[0] < 4:
                alike.append(content)
                if len(alike) == ALIKE:
                    break
            elif len(others) < ALIKE:
                others.append(content)
        for scope in (f"s29-{number}" for number in range(ROUNDS_MAX)):
            for what in best:
                best[what] = min(best[what], self.p99_of_batches(alike, others, scope))
            if max(best.values()) <= 2:
                break
        print("p99 with contents that are alike, times that of others:", best)
        self.assertLessEqual(max(best.values()), 2)

    def p99_of_batches(self, alike, others, scope):
        """Of those that are alike, times that of the others: sent in turn, so that whatever is slow meets both."""
        headers = {"Content-Type": "application/vnd.itemgate.batch", "Item-Scope": scope}
        seconds = [], []
        for at in range(0, ALIKE, 100):
            for contents, measured in zip((alike, others), seconds):
                batch = contents[at:at + 100]
                body = b"".join(len(content).to_bytes(4, "little") + content for content in batch)
                begin = time.perf_counter()
                answer = self.server.request("POST", "/v1/items:batch", body, headers)
                measured.append(time.perf_counter() - begin)
                self.assertEqual(len(answer.body), 12 * (len(batch) + 1))
        slowest, slowest_other = (sorted(measured)[len(measured) * 99 // 100] for measured in seconds)
        return slowest / slowest_other

    def test_s30_what_is_logged_is_one_line_for_an_event_and_harmless(self):
        def logged():
            return self.server.log.count('"event":"request"')

        before = logged()
        evil = "\x1b[31m${jndi:ldap://x}\u2028%n"
        self.server.save(evil.encode() + b"\nforged: line", Content_Type="text/${x}", X_Mark="${y}",
                         User_Agent="a\x80\x9b31m")
        self.server.get("/v1/stats?${a}=%0a%1b", {"traceparent": "${t}", "X-Request-Id": "s30 \xff\x9b"})
        self.server.get("/v1/items/%1b%5b31m%0aforged", {"X-Request-Id": "s30-request"})
        wait_until(lambda: logged() >= before + 3, "all are logged")
        log = self.server.log
        self.assertIn("s30-request", log)
        for line in log.splitlines():
            event = json.loads(line)
            self.assertIsInstance(event, dict)
            self.assertTrue(line.isprintable(), line)
        self.assertNotIn("forged: line", log)

    def test_s31_ids_that_are_none(self):
        ids = ["../", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2f", "%00", "1%00", "0", "-1", "+1", "01x", "1.0",
               "0x1",
               "18446744073709551616", "9" * 200, "%", "%zz", "1%20", "%31%2f..", "items", "1/..", "..;/1", "\\..\\1",
               "*"]
        for item_id in ids:
            for target in (f"/v1/items/{item_id}", f"/v1/contents/sha256/{item_id}", f"/v1/operations/{item_id}",
                           f"/v1/scopes/{item_id}/nothing"):
                with self.subTest(target):
                    answer = self.server.get(target)
                    self.assertIn((answer.status, answer.code),
                                  ((404, "not-found"), (400, "invalid_argument"), (400, "bad_request")))
                    self.assertNotIn(b"root:", answer.body)
        with self.server.connect() as connection:
            self.assertEqual(connection.request("GET", "/v1/items/" + "9" * 10_240).status, 414)
        self.assertEqual(self.server.get("/v1/items/" + "9" * 7_000).status, 404)


if __name__ == "__main__":
    unittest.main()
