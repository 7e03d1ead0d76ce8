#!/usr/bin/env python3
"""Kills the server under load and starts it again, many times, and holds it to every answer that it ever gave.

The seed is printed, and ITEMGATE_TEST_SEED repeats it as far as the timing of the machine allows. A failure keeps the
store.
"""

import json
import os
import random
import shutil
import sys
import threading
import time
import unittest

from blackbox import StoreTest
from http_connection import request_bytes
from serving import Server

KILLS = 12
CLIENTS = 8
CONTENTS_OF_A_ROUND = 400  # few, so that many bring the same at once


class History:
    """All that was ever sent and answered."""

    def __init__(self):
        self._lock = threading.Lock()
        self.sent = set()
        self.ids = {}  # content -> the id that was told
        self.created = set()
        self.acknowledged = 0
        self.errors = []

    def sending(self, contents):
        with self._lock:
            self.sent.update(contents)

    def answered(self, content, outcome, item_id):
        with self._lock:
            self.acknowledged += 1
            if self.ids.setdefault(content, item_id) != item_id:
                self.errors.append(f"{content} is {self.ids[content]} and {item_id}")
            if outcome == "created":
                if content in self.created:
                    self.errors.append(f"{content} was created twice")
                self.created.add(content)
            elif outcome not in ("duplicate", "joined"):
                self.errors.append(f"{content}: {outcome}")


class Client(threading.Thread):
    """Saves contents that others save too, alone, pipelined and in batches, until its connection ends."""

    def __init__(self, server, history, seed, round_number):
        super().__init__()
        self._server, self._history, self._rng, self._round = server, history, random.Random(seed), round_number
        self.start()

    def run(self):
        try:
            with self._server.connect() as connection:
                while True:
                    self._rng.choice((self.save_some, self.save_some, self.save_batch))(connection)
        except OSError:
            pass  # the server was killed
        except Exception as error:
            self._history.errors.append(repr(error))

    def contents(self, count):
        old = self._rng.random() < 0.2
        return [b"round %d content %d" % (self._rng.randrange(self._round + 1) if old else self._round,
                                          self._rng.randrange(CONTENTS_OF_A_ROUND)) for _ in range(count)]

    def save_some(self, connection):
        contents = self.contents(self._rng.randint(1, 8))
        self._history.sending(contents)
        connection.send(b"".join(request_bytes("POST", "/v1/items", content) for content in contents))
        for content in contents:
            answer = connection.answer()
            if answer.status not in (200, 201):
                raise AssertionError(answer)
            self._history.answered(content, answer.outcome, answer.id)

    def save_batch(self, connection):
        contents = self.contents(self._rng.randint(1, 100))
        self._history.sending(contents)
        body = b"".join(json.dumps({"content": content.decode()}).encode() + b"\n" for content in contents)
        connection.send(request_bytes("POST", "/v1/items:batch", body, {"Content-Type": "application/x-ndjson"}))
        rest = b""
        for piece in connection.pieces(connection.head()):
            *lines, rest = (rest + piece).split(b"\n")
            for line in map(json.loads, lines):  # each answered line counts, however the batch ends
                if "index" in line:
                    self._history.answered(contents[line["index"]], line["outcome"], line["id"])


class CrashTest(StoreTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("ITEMGATE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"ITEMGATE_TEST_SEED={seed}", flush=True)
        self.rng = random.Random(seed)

    def test_no_kill_loses_or_repeats_anything(self):
        history = History()
        server = Server(self.folder, "--admission.delay-target", "0s", data=self.data)
        try:
            for number in range(KILLS):
                self.round(server, history, number)
            self.check(server, history)
        except BaseException:
            kept = f"{self.folder}-crashed"
            shutil.copytree(self.folder, kept)
            print(f"The store is kept in {kept}", file=sys.stderr)
            raise
        print(f"{KILLS} kills; {len(history.ids)} items, {history.acknowledged} acknowledgements")

    def round(self, server, history, number):
        with server:
            before = history.acknowledged
            clients = [Client(server, history, self.rng.getrandbits(32), number) for _ in range(CLIENTS)]
            time.sleep(self.rng.uniform(0.02, 0.7))  # the random moment that this test is about
            server.kill()
            for client in clients:
                client.join()
        self.assertEqual(history.errors, [])
        if history.acknowledged == before:
            print(f"round {number} was too short for an answer")

    def check(self, server, history):
        with server:
            items = server.items()
            stored = {content: item_id for item_id, content in items.items()}
            self.assertEqual(len(stored), len(items), "a content has two ids")
            self.assertLessEqual(set(stored), history.sent)
            self.assertEqual({content: stored.get(content) for content in history.ids}, history.ids)
            for content in self.rng.sample(sorted(stored), 200):
                answer = server.save(content)
                self.assertEqual((answer.outcome, answer.id), ("duplicate", stored[content]))
            server.terminate()
            self.assertEqual(server.wait(), 0)
        self.assertGreater(history.acknowledged, 1000)
        self.assertEqual(self.assert_clean(), len(items))


if __name__ == "__main__":
    unittest.main()
