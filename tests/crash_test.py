#!/usr/bin/env python3
"""Kills imports at random moments, on one store, and holds the store against every acknowledgement ever given.

The seed is printed, and ITEMGATE_TEST_SEED repeats it, as far as the timing of the machine allows. A failure keeps the
store.
"""

import itertools
import os
import random
import shutil
import signal
import sys
import threading
import time
import unittest

from blackbox import Acks, StoreTest, close, start

KILLS = 50
LINES_OF_FILE = 3000
LINES_OF_BURST = 25_000  # more than the key index keeps in memory at the end, so that closing writes a run


class History:
    """Everything ever sent and all that is known to be saved."""

    def __init__(self, rng):
        self.rng = rng
        self.sent = []  # distinct contents, acknowledged or not
        self.ids = {}  # content -> id, as exported
        self.created = set()  # contents whose creation was acknowledged
        self.acknowledged = 0

    def fresh(self):
        length = self.rng.choice((0, 8, 60, 200, 1500))
        noise = self.rng.randbytes(length).replace(b"\n", b"\0").replace(b"\r", b"\xff")
        self.sent.append(b"item %d %s." % (len(self.sent), noise))
        return self.sent[-1]

    def lines(self, count):
        """New contents, old ones, and many of these again."""
        lines = []
        for _ in range(count):
            chance = self.rng.random()
            if chance < 0.25 or not self.sent:
                lines.append(self.fresh())
            elif chance < 0.6 or not lines:
                lines.append(self.rng.choice(self.sent))
            else:
                lines.append(self.rng.choice(lines))
        return lines


class Feeder:
    """Writes lines to an import in small chunks, only so many of them unanswered at once, until it dies."""

    def __init__(self, process, acks, history, window):
        self.lines = []
        self._arguments = process.stdin, acks, history, window
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def _feed(self):
        pipe, acks, history, window = self._arguments
        try:
            while acks.wait_for(len(self.lines) - window):
                chunk = history.lines(history.rng.randint(1, window))
                self.lines += chunk
                pipe.write(b"".join(line + b"\n" for line in chunk))
                pipe.flush()
        except BrokenPipeError:
            pass

    def join(self):
        self._thread.join()


class CrashTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("ITEMGATE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"ITEMGATE_TEST_SEED={self.seed}", flush=True)
        self.rng = random.Random(self.seed)
        self.history = History(random.Random(self.seed + 1))  # its own: another thread uses it
        self.kills = {}

    def test_fifty_kills_lose_nothing_and_save_nothing_twice(self):
        kinds = [self.kill_running] * 24 + [self.kill_file] * 8 + [self.kill_starting] * 6
        kinds += [self.kill_closing] * 8 + [self.kill_burst] * 4
        self.rng.shuffle(kinds)
        try:
            for kind in itertools.cycle(kinds):  # a process may end before its kill: then there are more rounds
                self.round(kind)
                if sum(self.kills.values()) >= KILLS:
                    break
            self.finish()
        except BaseException:
            kept = f"{self.folder}-crashed"
            shutil.copytree(self.folder, kept)
            print(f"The store is kept in {kept}; kills until then: {self.kills}", file=sys.stderr)
            raise
        print(f"Killed: {self.kills}; {len(self.history.ids)} items, {self.history.acknowledged} acknowledgements")

    def round(self, kind):
        before = len(self.history.ids)
        lines, acks, was_killed = kind()
        if was_killed:
            self.kills[kind.__name__] = self.kills.get(kind.__name__, 0) + 1
        count = self.assert_clean()
        self.learn(self.exported(after=before), count)
        self.check_acks(lines, acks, before)
        if self.rng.random() < 0.08:
            self.check_everything()

    # The ways to die. Each gives the lines it sent, the acknowledgements it got, and whether the kill found it alive.

    def start_import(self, *arguments):
        senders = self.rng.randint(2, 8)
        return start("import", "--data", self.data, "--acks", "--quiet", "--senders", senders, *arguments)

    def kill(self, process, delay_ms_max, delay_ms_min=0):
        time.sleep(self.rng.uniform(delay_ms_min, delay_ms_max) / 1000)  # the random moment that this test is about
        process.kill()
        return process.wait() == -signal.SIGKILL

    def kill_running(self):
        """In the middle of many small commits."""
        process = self.start_import("-")
        with Acks(process) as acks:
            feeder = Feeder(process, acks, self.history, window=self.rng.choice((1, 4, 12)))
            acks.wait_for(1)
            was_killed = self.kill(process, 400, delay_ms_min=5)
            feeder.join()
            return feeder.lines, acks.wait_for_end(), was_killed

    def import_file(self, lines):
        return self.start_import("--split", "lines", self.write("lines.txt", b"\n".join(lines)))

    def kill_file(self):
        """In the middle of a few large commits."""
        lines = self.history.lines(LINES_OF_FILE)
        process = self.import_file(lines)
        with Acks(process) as acks:
            acks.wait_for(self.rng.randrange(LINES_OF_FILE // 2))
            was_killed = self.kill(process, 5)
            return lines, acks.wait_for_end(), was_killed

    def kill_burst(self):
        """While the import that leaves the key index a run to write is ending."""
        lines = [b"burst %d" % self.rng.randrange(10 * LINES_OF_BURST) for _ in range(LINES_OF_BURST)]
        self.history.sent = list(dict.fromkeys(self.history.sent + lines))
        process = self.import_file(lines)
        with Acks(process) as acks:
            acks.wait_for(len(lines) - 1000)  # reading them takes longer than the rest of the import
            was_killed = self.kill(process, 25)
            return lines, acks.wait_for_end(), was_killed

    def kill_closing(self):
        """After the last acknowledgement."""
        lines = self.history.lines(200)
        process = self.start_import("-")
        with Acks(process) as acks:
            process.stdin.write(b"\n".join(lines) + b"\n")
            process.stdin.flush()
            acks.wait_for(len(lines))
            close(process.stdin)
            was_killed = self.kill(process, 6)
            return lines, acks.wait_for_end(), was_killed

    def kill_starting(self):
        """While the store is opened, several times, after a crash that left something to recover."""
        lines, acks, was_killed = self.kill_running()
        for _ in range(self.rng.randint(1, 4)):
            again = self.history.lines(300)
            process = self.import_file(again)
            with Acks(process) as more:
                was_killed = self.kill(process, 25) or was_killed
                acks = acks + [ack | {"line": ack["line"] + len(lines)} for ack in more.wait_for_end()]
            lines = lines + again
        return lines, acks, was_killed

    # What must hold afterwards.

    def learn(self, new_items, count):
        sent = set(self.history.sent)
        for item_id, content in new_items.items():
            self.assertNotIn(content, self.history.ids, f"item {item_id} is there twice")
            self.assertIn(content, sent, f"item {item_id} was never sent")
            self.history.ids[content] = item_id
        self.assertEqual(count, len(self.history.ids))

    def check_acks(self, lines, acks, before):
        for ack in acks:
            content = lines[ack["line"] - 1]
            self.assertEqual(self.history.ids.get(content), ack["id"], f"{content} was acknowledged: {ack}")
            if ack["outcome"] == "created":
                self.assertGreater(ack["id"], before, f"an old item was created: {ack}")
                self.assertNotIn(content, self.history.created, f"created a second time: {ack}")
                self.history.created.add(content)
            else:
                self.assertEqual(ack["outcome"], "duplicate")
        self.assertEqual(len({ack["line"] for ack in acks}), len(acks), "a line was acknowledged twice")
        self.history.acknowledged += len(acks)

    def check_everything(self):
        self.assertEqual({content: item_id for item_id, content in self.exported().items()}, self.history.ids)

    def finish(self):
        """Imports everything ever sent, some of it more than once, to the end."""
        lines = self.history.sent + self.rng.choices(self.history.sent, k=1000)
        self.rng.shuffle(lines)
        before = len(self.history.ids)
        process = self.import_file(lines)
        with Acks(process) as acks:
            answers = acks.wait_for_end()
            self.assertEqual(process.wait(), 0, process.stderr.read())
        self.learn(self.exported(after=before), self.assert_clean())
        self.check_acks(lines, answers, before)
        self.check_everything()
        self.assertEqual(len(answers), len(lines))
        self.assertEqual(set(self.history.ids), set(self.history.sent))


if __name__ == "__main__":
    unittest.main()
