#!/usr/bin/env python3
"""Damage to the files of a store: what can be rebuilt is, what is lost is told, and nothing more is lost by looking."""

import random
import shutil
import unittest

from blackbox import SOME_ITEMS, STORE
from blackbox import StoreTest, run

SEGMENT_HEADER_BYTES = 64  # docs/item-log-format.md
FRAME_HEADER_BYTES = 32
RECORD_HEADER_BYTES = 64
TRAILER_BYTES = 64


def frame_bytes(content):
    """Of a commit of this one content, in the default scope."""
    return FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + (len(content) + 7) // 8 * 8


def flip(path, offset):
    """Damages one byte; again, and it is whole."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


class IndexTest(StoreTest):
    def test_a_deleted_index_is_built_again(self):
        for count in (100, 30_000):  # of which the index keeps nothing on disk, and all
            lines = b"".join(b"line %d\n" % number for number in range(count))
            for first_command in ("verify", "import", "list"):
                with self.subTest(count=count, first_command=first_command):
                    self.data = self.folder / f"{count}-{first_command}"
                    self.itemgate("import", "-", stdin=lines)
                    items = self.exported()
                    self.assertEqual(len(items), count)
                    shutil.rmtree(self.data / "index")
                    self.itemgate(first_command, stdin=lines)
                    self.assertEqual(self.assert_clean(), count)
                    again = self.itemgate("import", "--json", "-", stdin=lines).json()[0]
                    self.assertEqual((again["created"], again["duplicates"]), (0, count))
                    self.assertEqual(self.exported(), items)

    def test_a_damaged_index_is_never_believed(self):
        lines = [b"line %d" % number for number in range(30_000)]
        self.itemgate("import", "--senders", 1, "-", stdin=b"\n".join(lines))
        (run_file,) = (self.data / "index").glob("*.sst")
        flip(run_file, run_file.stat().st_size // 2)
        ended = self.itemgate("verify", "--json", "--quiet", status=STORE)
        self.assertIn("key index", ended.errors()[0]["message"])
        ended = run("import", "--acks", "--quiet", "--data", self.data, "-", stdin=b"\n".join(lines))
        self.assertNotEqual(ended.status, 0)
        for answer in ended.json():
            self.assertEqual((answer["outcome"], answer["id"]), ("duplicate", answer["line"]))
        shutil.rmtree(self.data / "index")
        self.assertEqual(self.assert_clean(), len(lines))


class NewestSegmentTest(StoreTest):
    """The segment that is written to; each content is a commit of its own."""

    CONTENTS = [b"x" * length for length in (1, 7, 8, 9, 100, 1000, 5, 64)]

    def setUp(self):
        super().setUp()
        for item_id, content in enumerate(self.CONTENTS, 1):
            self.assertEqual(self.save(content), {"outcome": "created", "id": item_id})
        (self.segment,) = self.log_segments()
        self.whole = self.segment.read_bytes()
        self.assertEqual(len(self.whole), SEGMENT_HEADER_BYTES + sum(map(frame_bytes, self.CONTENTS)))

    def forget_closing(self):
        """As if the store had crashed: it was never closed in order."""
        (self.data / "CLOSED").unlink()

    def survivors(self, size):
        """The contents whose commits are whole in the first `size` bytes."""
        end, count = SEGMENT_HEADER_BYTES, 0
        for content in self.CONTENTS:
            end += frame_bytes(content)
            count += end <= size
        return self.CONTENTS[:count]

    def test_a_torn_end_costs_the_torn_commit_and_no_other(self):
        last = frame_bytes(self.CONTENTS[-1])
        before_last = last + frame_bytes(self.CONTENTS[-2])
        for cut in (0, 1, 7, 8, 63, 64, 65, last - 1, last, last + 1, before_last - 1, before_last, before_last + 1):
            with self.subTest(cut=cut):
                self.forget_closing()
                self.segment.write_bytes(self.whole[:len(self.whole) - cut])
                left = self.survivors(len(self.whole) - cut)
                self.assertEqual(self.assert_clean(), len(left))
                self.assertEqual(self.exported(), dict(enumerate(left, 1)))
                for item_id, content in enumerate(self.CONTENTS, 1):
                    outcome = "duplicate" if content in left else "created"
                    self.assertEqual(self.save(content), {"outcome": outcome, "id": item_id})
                self.assertEqual(self.segment.read_bytes()[:SEGMENT_HEADER_BYTES], self.whole[:SEGMENT_HEADER_BYTES])
                self.assertEqual(self.assert_clean(), len(self.CONTENTS))

    def test_a_store_that_was_closed_in_order_must_reach_its_end(self):
        for cut in (1, frame_bytes(self.CONTENTS[-1]), len(self.whole)):
            self.segment.write_bytes(self.whole[:len(self.whole) - cut])
            self.assert_refused_and_untouched()
        self.segment.unlink()
        self.assertIn("are missing", self.itemgate("list", status=STORE).err)
        self.segment.write_bytes(self.whole)
        flip(self.segment, len(self.whole) - 20)
        self.assert_refused_and_untouched()
        flip(self.segment, len(self.whole) - 20)
        self.assertEqual(self.assert_clean(), len(self.CONTENTS))

    def test_what_a_crash_leaves_behind_the_end_is_no_item(self):
        old_frames = self.whole[SEGMENT_HEADER_BYTES:]
        for tail in (bytes(4096), b"\xff" * 100, self.whole[-40:], old_frames, b"FRME" + bytes(60)):
            self.segment.write_bytes(self.whole + tail)
            self.assertEqual(self.assert_clean(), len(self.CONTENTS))
            self.assertEqual(self.exported(), dict(enumerate(self.CONTENTS, 1)))
            self.assertEqual(self.segment.read_bytes(), self.whole)

    def assert_refused_and_untouched(self):
        damaged = self.segment.read_bytes()
        for command in (["verify"], ["list"], ["get", "1"], ["save", "new"]):
            ended = self.itemgate(*command, status=STORE)
            self.assertEqual(ended.out, b"")
            self.assertIn(str(self.segment), ended.err)
            self.assertIn("damaged", ended.err)
            self.assertEqual(self.segment.read_bytes(), damaged)
        told = self.itemgate("verify", "--json", status=STORE).errors()
        self.assertEqual([error["code"] for error in told], ["corrupt"])

    def test_damage_in_the_middle_is_refused_with_what_to_do(self):
        rng = random.Random(2)
        end_of_last_but_one = len(self.whole) - frame_bytes(self.CONTENTS[-1])
        first_record = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES
        places = [SEGMENT_HEADER_BYTES, first_record, first_record + RECORD_HEADER_BYTES, len(self.whole) // 2]
        for place in places + [rng.randrange(SEGMENT_HEADER_BYTES, end_of_last_but_one) for _ in range(10)]:
            with self.subTest(byte=place):
                flip(self.segment, place)
                self.assert_refused_and_untouched()
                self.assertIn("restore this file from a copy", self.itemgate("list", status=STORE).err)
                flip(self.segment, place)
                self.assertEqual(self.assert_clean(), len(self.CONTENTS))

    def test_a_damaged_header_is_refused_and_nothing_is_removed(self):
        flip(self.segment, 20)
        self.assert_refused_and_untouched()

    def test_an_overwritten_header_is_refused_and_nothing_is_removed(self):
        self.segment.write_bytes(bytes(SEGMENT_HEADER_BYTES) + self.whole[SEGMENT_HEADER_BYTES:])
        self.assert_refused_and_untouched()

    def test_the_log_of_another_store_is_refused(self):
        other, self.data = self.data, self.folder / "other"
        self.save(b"other")
        (foreign,) = self.log_segments()
        self.data = other
        shutil.copy(foreign, self.segment)
        self.assert_refused_and_untouched()


class SealedSegmentTest(StoreTest):
    """A store of two segments, so large that the first one is sealed."""

    SMALL, LARGE, LARGE_BYTES = 25_000, 18, 15 << 20  # so many small ones that the index keeps its keys on disk

    def setUp(self):
        super().setUp()
        rng = random.Random(3)
        self.write("small.txt", b"".join(b"small %d\n" % number for number in range(self.SMALL)))
        (self.folder / "large").mkdir()
        for number in range(self.LARGE):
            self.write(f"large/{number:02}", rng.randbytes(self.LARGE_BYTES))
        self.itemgate("import", "--senders", 1, self.folder / "small.txt", self.folder / "large")
        shutil.rmtree(self.folder / "large")
        self.sealed, self.newest = self.log_segments()

    def test_damage_to_a_sealed_segment(self):
        self.assertEqual(self.assert_clean(), self.SMALL + self.LARGE)
        self.check_a_damaged_content()
        self.check_a_damaged_offset_table()
        self.check_a_missing_file(self.sealed)
        self.check_a_missing_file(self.newest)

    def problems(self):
        ended = self.itemgate("verify", "--json", "--quiet", status=SOME_ITEMS)
        report = ended.json()[0]
        self.assertEqual(report["problem_count"], len(report["problems"]))
        self.assertIn("NOT CLEAN", self.itemgate("verify", "--quiet", status=SOME_ITEMS).out.decode())
        return " ".join(report["problems"])

    def check_a_damaged_content(self):
        """verify names the item; it cannot be had, but all others can."""
        flip(self.sealed, self.sealed.stat().st_size // 2)
        problems = self.problems()
        self.assertIn(str(self.sealed), problems)
        self.assertRegex(problems, r"item \d+ cannot be read")
        damaged = [item_id for item_id in range(self.SMALL + 1, self.SMALL + self.LARGE + 1)
                   if run("get", item_id, "--data", self.data).status != 0]
        self.assertEqual(len(damaged), 1)
        self.assertIn(f"item {damaged[0]} cannot be read", problems)
        ended = self.itemgate("get", damaged[0], status=STORE)
        self.assertEqual(ended.out, b"")
        self.assertIn(f"item {damaged[0]} cannot be read", ended.err)
        self.assertEqual(self.itemgate("get", 1).out, b"small 0")
        flip(self.sealed, self.sealed.stat().st_size // 2)
        self.assertEqual(self.assert_clean(), self.SMALL + self.LARGE)

    def check_a_damaged_offset_table(self):
        flip(self.sealed, self.sealed.stat().st_size - TRAILER_BYTES - 100)
        self.assertIn(str(self.sealed), self.problems())
        flip(self.sealed, self.sealed.stat().st_size - TRAILER_BYTES - 100)
        self.assertEqual(self.assert_clean(), self.SMALL + self.LARGE)

    def check_a_missing_file(self, segment):
        away = segment.rename(self.folder / "away")
        ended = self.itemgate("list", status=STORE)
        self.assertIn("restore", ended.err)
        self.assertFalse(segment.exists() and segment.stat().st_size > SEGMENT_HEADER_BYTES)
        away.rename(segment)
        self.assertEqual(self.assert_clean(), self.SMALL + self.LARGE)

    def test_a_damaged_trailer_costs_nothing_more(self):
        """The store is refused, or opened without it; either way the file keeps what it has."""
        size = self.sealed.stat().st_size
        flip(self.sealed, size - 20)
        run("verify", "--quiet", "--data", self.data)
        self.assertEqual(self.sealed.stat().st_size, size)
        flip(self.sealed, size - 20)
        self.assertEqual(self.assert_clean(), self.SMALL + self.LARGE)


if __name__ == "__main__":
    unittest.main()
