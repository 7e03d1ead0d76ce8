#!/usr/bin/env python3
"""The HTTP contract, docs/http-api.md: what is streamed, batches both ways and the feed."""

import base64
import json
import select
import struct
import threading
import time
import unittest

from http_connection import chunked, request_bytes
from serving import ContractTest, ServerTest, wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
BINARY = {"Content-Type": "application/vnd.itemgate.batch"}
STREAMED = {"Transfer-Encoding": "chunked"}
CREATED, DUPLICATE, REJECTED = 0, 1, 4
END = 255


def framed(*contents):
    return b"".join(len(content).to_bytes(4, "little") + content for content in contents)


def records(body):
    """(outcome, flags, status, id) of each, as application/vnd.itemgate.results has them."""
    return list(struct.iter_unpack("<BBHQ", body))


def lines_of(connection):
    """The lines of a streamed answer, as they come; first it reads the head."""
    head = connection.head()
    assert head.status == 200, head
    rest = b""
    for piece in connection.pieces(head):
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)
    assert not rest, rest


class BatchTest(ContractTest):
    def summary(self, **counts):
        return {"done": True, "created": 0, "duplicate": 0, "joined": 0, "in_progress": 0, "failed": 0} | counts

    def test_each_item_has_its_answer_in_order(self):
        items = [{"content": f"ordered {n}"} for n in range(3000)]
        lines = self.server.batch(items)
        self.assertEqual([line["index"] for line in lines[:-1]], list(range(3000)))
        self.assertEqual({(line["status"], line["outcome"]) for line in lines[:-1]}, {(201, "created")})
        self.assertEqual(lines[-1], self.summary(created=3000))
        saved = self.server.items()
        self.assertEqual([saved[line["id"]] for line in lines[:-1]], [item["content"].encode() for item in items])
        again = self.server.batch(reversed(items))
        self.assertEqual([line["id"] for line in again[:-1]], [line["id"] for line in reversed(lines[:-1])])
        self.assertEqual(again[-1], self.summary(duplicate=3000))
        self.assertEqual({line["status"] for line in again[:-1]}, {200})

    def test_repeats_within_a_batch_are_one_item(self):
        lines = self.server.batch([{"content": "repeated"}] * 50)
        self.assertEqual(len({line["id"] for line in lines[:-1]}), 1)
        self.assertEqual((lines[-1]["created"], lines[-1]["joined"] + lines[-1]["duplicate"]), (1, 49))

    def test_items_of_every_kind(self):
        lines = self.server.batch([
            {"content": "kinds", "mediaType": "text/x", "scope": "kinds"},
            {"contentBase64": base64.b64encode(b"\xff").decode()},
            {"content": "kinds", "unknown": 1}, {"content": ""}, {"content": "not json", "scope": "kinds+json"},
            {"content": "last"}])
        self.assertEqual([line["status"] for line in lines[:-1]], [201, 201, 400, 400, 422, 201])
        self.assertEqual([line["problem"]["code"] for line in lines[2:5]],
                         ["unknown_field", "invalid_content", "not-canonical"])
        self.assertEqual([line["outcome"] for line in lines[2:5]], ["rejected"] * 3)
        self.assertEqual(lines[-1], self.summary(created=3, failed=3))
        item = self.server.get(f"/v1/items/{lines[0]['id']}")
        self.assertEqual((item.fields["content-type"], item.fields["item-scope"]), ("text/x", "kinds"))
        self.assertEqual(self.server.get(f"/v1/items/{lines[1]['id']}").body, b"\xff")

    def test_line_ends_and_empty_lines(self):
        body = b'\n\r\n{"content":"ends 1"}\r\n\n  \n{"content":"ends 2"}\n\n{"content":"ends 3"}'
        lines = self.server.request("POST", "/v1/items:batch", body, NDJSON).lines()
        self.assertEqual([line["index"] for line in lines[:-1]], [0, 1, 2])
        self.assertEqual(lines[-1], self.summary(created=3))
        self.assertEqual(self.server.request("POST", "/v1/items:batch", b"", NDJSON).lines(), [self.summary()])

    def test_the_scope_of_the_path(self):
        lines = self.server.request("POST", "/v1/scopes/batch/items:batch", b'{"content":"scoped"}\n', NDJSON).lines()
        self.assertEqual(self.server.get(f"/v1/items/{lines[0]['id']}").fields["item-scope"], "batch")

    def test_the_media_type_of_frames_is_refused_of_lines(self):
        line = b'{"content":"of no media type"}\n'
        answer = self.server.request("POST", "/v1/items:batch", line, NDJSON | {"Item-Media-Type": "text/b"})
        self.assert_problem(answer, 400, "invalid_argument")
        self.assertEqual(self.server.batch([{"content": "of no media type"}])[-1], self.summary(created=1))

    def test_lines_broken_anywhere_are_the_same_lines(self):
        body = b"".join(b'{"content": "broken \\u00e9 %d"}\n' % n for n in range(40))
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items:batch", headers=NDJSON | STREAMED))
            for at in range(0, len(body), 7):
                connection.send(chunked(body[at:at + 7], last=False))
            connection.send(chunked())
            answer = connection.answer()
        self.assertEqual(answer.lines()[-1], self.summary(created=40))

    def test_answers_come_while_the_request_goes_on(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items:batch", headers=NDJSON | STREAMED))
            lines = lines_of(connection)
            for number in range(5):
                connection.send(chunked(b'{"content": "conversation %d"}\n' % number, last=False))
                self.assertEqual(next(lines)["outcome"], "created")
            connection.send(chunked())
            self.assertEqual(list(lines), [self.summary(created=5)])

    def test_what_was_answered_before_the_end_is_saved(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items:batch", headers=NDJSON | STREAMED))
            connection.send(chunked(b'{"content": "before the end"}\n{"content": "cut', last=False))
            saved = next(lines_of(connection))
            connection.reset()
        self.assertEqual(self.server.get(f"/v1/items/{saved['id']}").body, b"before the end")
        self.assertEqual(self.server.save(b"cut").outcome, "created")

    def test_an_item_that_is_too_long_is_refused_and_the_next_one_taken(self):
        limits = self.server.get("/v1/config").json()["limits"]
        content, line = limits["content_bytes_max"], limits["batch_line_bytes_max"]
        body = b"".join(b'{"content":"%b"}\n' % text for text in (b"x" * (content + 1), b"x" * line, b"short enough"))
        lines = self.server.request("POST", "/v1/items:batch", body, NDJSON).lines()
        self.assertEqual([line["status"] for line in lines[:-1]], [413, 413, 201])
        self.assertEqual([line["problem"]["code"] for line in lines[:2]], ["too-large"] * 2)
        results = records(self.server.request(
            "POST", "/v1/items:batch", framed(b"x" * (content + 1), b"short enough"), BINARY).body)
        self.assertEqual([record[2] for record in results[:-1]], [413, 200])

    def test_binary_batches(self):
        contents = [b"binary %d \xff\0\n" % n for n in range(2500)] + [b"binary 0 \xff\0\n"] * 2
        answer = self.server.request("POST", "/v1/scopes/binary/items:batch", framed(*contents),
                                     BINARY | {"Item-Media-Type": "text/b"})
        self.assertEqual(answer.fields["content-type"], "application/vnd.itemgate.results")
        *results, end = records(answer.body)
        self.assertEqual(end, (END, 0, end[2], len(contents)))
        self.assertEqual({(outcome, status) for outcome, _, status, _ in results[:2500]}, {(CREATED, 201)})
        self.assertEqual([(outcome, status, item) for outcome, _, status, item in results[2500:]],
                         [(DUPLICATE, 200, results[0][3])] * 2)
        item = self.server.get(f"/v1/items/{results[7][3]}")
        self.assertEqual((item.body, item.fields["content-type"], item.fields["item-scope"]), (contents[7], "text/b",
                                                                                               "binary"))
        again = records(self.server.request("POST", "/v1/scopes/binary/items:batch", framed(*contents), BINARY).body)
        self.assertEqual([record[3] for record in again], [record[3] for record in [*results, end]])

    def test_a_media_type_that_json_cannot_write_is_refused(self):
        answer = self.server.request("POST", "/v1/items:batch", framed(b"b 0"),
                                     BINARY | {"Item-Media-Type": "text/\xe9"})
        self.assert_problem(answer, 400, "invalid_argument")

    def test_binary_items_that_are_refused(self):
        answer = records(self.server.request("POST", "/v1/items:batch", framed(b"", b"b 1"), BINARY).body)
        self.assertEqual([record[2] for record in answer[:2]], [400, 201])
        self.assertEqual(answer[-1], (END, 0, answer[-1][2], 2))

    def test_a_binary_batch_that_ends_within_a_frame(self):
        whole = framed(b"whole")
        saved, _ = records(self.server.request("POST", "/v1/items:batch", whole, BINARY).body)
        for cut in (b"\x05", b"\x05\0\0", b"\x05\0\0\0", b"\x05\0\0\0hell"):
            self.assert_answered(cut, (REJECTED, 0, 400, 0), (END, 0, 200, 1))
            self.assert_answered(whole + cut, (DUPLICATE, 0, 200, saved[3]), (REJECTED, 0, 400, 0), (END, 0, 200, 2))
        self.assert_answered(whole + b"\xff\xff\xff\xffx", (DUPLICATE, 0, 200, saved[3]), (REJECTED, 0, 413, 0),
                             (END, 0, 200, 2))

    def assert_answered(self, body, *answers):
        with self.subTest(body):
            self.assertEqual(records(self.server.request("POST", "/v1/items:batch", body, BINARY).body), [*answers])


class LongContentsTest(ContractTest):
    FLAGS = ("--limits.body-bytes", "24MiB")

    def test_whatever_may_be_a_content_fits_into_a_line(self):
        content = base64.b64encode(b"\xff" * (24 << 20)).decode()
        lines = self.server.batch([{"contentBase64": content, "mediaType": "x" * 255}, {"content": "short"}])
        self.assertEqual([line["status"] for line in lines[:-1]], [201, 201])


class BackPressureTest(ServerTest):
    LINES = 200_000

    def test_a_client_that_does_not_read_is_held_back_and_then_gets_all(self):
        server = self.serve()
        before = server.rss_bytes()
        with server.connect(receive_buffer=65536) as connection:
            sender = threading.Thread(target=self.send_lines, args=(connection,))
            sender.start()
            self.wait_until_held_back(server)
            self.assertTrue(sender.is_alive(), "everything was taken in though nothing was read")
            self.assertLess(server.rss_bytes() - before, 100 << 20)
            self.assertEqual(server.save(b"others are served").status, 201)
            index = -1
            for index, line in enumerate(lines_of(connection)):
                if "done" not in line:
                    self.assertEqual((line["index"], line["status"]), (index, 201))
            sender.join()
        self.assertEqual((index, line["created"], line["failed"]), (self.LINES, self.LINES, 0))
        self.assertLess(server.rss_bytes() - before, 200 << 20)

    def send_lines(self, connection):
        connection.send(request_bytes("POST", "/v1/items:batch", headers=NDJSON | STREAMED))
        filling = "x" * 200
        for first in range(0, self.LINES, 100):
            lines = [b'{"content": "line %d %b"}\n' % (n, filling.encode()) for n in range(first, first + 100)]
            connection.send(chunked(*lines, last=False))
        connection.send(chunked())

    def wait_until_held_back(self, server):
        """Waits until no more is saved for a while."""
        seen = [-1]
        def unchanged():
            seen.append(server.stats()["items"])
            select.select([], [], [], 0.2)
            return seen[-1] > 0 and len(seen) > 6 and len(set(seen[-6:])) == 1
        wait_until(unchanged, "the sender is held back")


class FeedTest(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.quiet = threading.Thread(target=cls.listen_for_nothing)
        cls.quiet.start()
        cls.addClassCleanup(cls.quiet.join)

    @classmethod
    def listen_for_nothing(cls):
        """Sets what a feed with nothing to tell says after some seconds, and when."""
        with cls.server.connect() as connection:
            begin = time.monotonic()
            connection.send(request_bytes("GET", "/v1/feed?after=1000000"))
            for piece in connection.pieces(connection.head()):
                cls.sign_of_life = piece, time.monotonic() - begin
                if cls.sign_of_life[1] > 5:
                    return

    def listen(self, query="", headers=None):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.send(request_bytes("GET", f"/v1/feed{query}", headers=headers))
        head = connection.head()
        self.assertEqual((head.status, head.fields["content-type"].split(";")[0]), (200, "text/event-stream"))
        return connection.events(head)

    def save(self, *contents):
        return [self.server.save(content).id for content in contents]

    def assert_told(self, events, ids, contents):
        for item_id, content in zip(ids, contents):
            event = next(events)
            self.assertEqual((event["event"], int(event["id"])), ("item", item_id))
            data = json.loads(event["data"])
            self.assertEqual((data["id"], data["content"].encode(), data["length"]), (item_id, content, len(content)))

    def test_new_items_are_told_to_all_who_listen(self):
        listeners = [self.listen() for _ in range(20)]
        contents = [b"live %d\nsecond line" % n for n in range(30)]
        ids = self.save(*contents)
        self.save(contents[0])
        for events in listeners:
            self.assert_told(events, ids, contents)

    def test_a_feed_goes_on_where_it_was_left(self):
        contents = [b"resumed %d" % n for n in range(300)]
        ids = self.save(*contents)
        events = self.listen(f"?after={ids[0]}")
        self.assert_told(events, ids[1:11], contents[1:11])
        events = self.listen(headers={"Last-Event-ID": str(ids[10])})
        self.assert_told(events, ids[11:], contents[11:])
        more = [b"resumed and live %d" % n for n in range(10)]
        self.assert_told(events, self.save(*more), more)
        events = self.listen(f"?after={ids[0]}", {"Last-Event-ID": str(ids[200])})
        self.assert_told(events, ids[201:], contents[201:])

    def test_the_content_can_be_left_out(self):
        item_id, = self.save(b"left out")
        data = json.loads(next(self.listen(f"?after={item_id - 1}&content=false"))["data"])
        self.assertEqual((data["id"], "content" in data), (item_id, False))

    def test_where_to_begin_must_be_an_id(self):
        for query, headers in (("?after=x", {}), ("?after=-1", {}), ("", {"Last-Event-ID": "x"})):
            self.assert_problem(self.server.get(f"/v1/feed{query}", headers), 400, "invalid_argument")

    def test_a_listener_that_does_not_read_costs_little(self):
        before, item_id = self.server.rss_bytes(), self.save(b"first of many")[0]
        with self.server.connect(receive_buffer=4096) as connection:
            connection.send(request_bytes("GET", f"/v1/feed?after={item_id - 1}"))
            contents = [b"large %d " % n + b"x" * 100_000 for n in range(400)]
            self.server.request("POST", "/v1/items:batch", framed(*contents), BINARY)
            self.assertLess(self.server.rss_bytes() - before, 64 << 20)

    def test_a_quiet_feed_gives_a_sign_of_life(self):
        self.quiet.join()
        piece, seconds = self.sign_of_life
        self.assertTrue(piece.startswith(b":"), piece)
        self.assertLess(seconds, 17)


if __name__ == "__main__":
    unittest.main()
