#!/usr/bin/env python3
"""The demonstrations: a backend that takes two seconds, equal contents at once, and ten thousand saves in flight."""

import time
import unittest
from collections import Counter

from blackbox import OK, run

WALL_SECONDS_MAX = 30  # a busy machine may be slow to start and to end a process; what counts the program measures


class DemoTest(unittest.TestCase):
    def demo(self, *arguments):
        started = time.monotonic()
        ended = run("demo", "--json", *arguments)
        self.assertLess(time.monotonic() - started, WALL_SECONDS_MAX)
        self.assertEqual((ended.status, ended.err), (OK, ""))
        (report,) = ended.json()
        return report

    def assert_story(self, story):
        """Six calls, three items: of each content the first call succeeds, and both are told the same id."""
        calls = sorted(story["calls"], key=lambda call: call["caller"])
        self.assertEqual([call["caller"] for call in calls], [1, 2, 3, 4, 5, 6])
        self.assertEqual([sorted(call["content"] for call in calls[i:i + 3]) for i in (0, 3)], [["a", "b", "c"]] * 2)
        self.assertEqual([call["success"] for call in calls], [True] * 3 + [False] * 3)
        self.assertEqual([call["outcome"] for call in calls], ["created"] * 3 + ["duplicate"] * 3)
        ids = {call["content"]: call["id"] for call in calls[:3]}
        self.assertEqual(sorted(ids.values()), [1, 2, 3])
        self.assertEqual({call["content"]: call["id"] for call in calls[3:]}, ids)
        for call in calls:
            self.assertIn(f"id {call['id']}.", call["message"])
        self.assertEqual([record["id"] for record in story["recorded"]], [1, 2, 3])
        self.assertEqual(sorted(record["content"] for record in story["recorded"]), ["a", "b", "c"])
        return calls

    def test_three_contents_sent_twice_are_three_items(self):
        calls = self.assert_story(self.demo())
        for call in calls[:3]:
            self.assertLess(call["sent_at_seconds"], 0.5)
            self.assertGreaterEqual(call["told_at_seconds"] - call["sent_at_seconds"], 2)
        for call in calls[3:]:
            self.assertGreaterEqual(call["sent_at_seconds"], 0.5)
            self.assertGreaterEqual(call["told_at_seconds"], 2, "told before the item was saved")
        self.assertLess(max(call["told_at_seconds"] for call in calls), 3.5, "different contents waited for each other")

    def test_a_repeat_after_the_save_is_a_duplicate_too(self):
        self.assert_story(self.demo("--delay", "100ms"))

    def test_the_story_for_people_names_what_was_recorded(self):
        ended = run("demo", "--delay", "100ms")
        self.assertEqual((ended.status, ended.err), (OK, ""))
        text = ended.out.decode()
        self.assertEqual(text.count(": created: Item saved with id "), 3)
        self.assertEqual(text.count(": duplicate: Duplicate item received"), 3)
        self.assertIn("6 calls, 3 items", text)

    def test_a_backend_that_fails_never_records_twice(self):
        report = self.demo("--items", 300, "--delay", "20ms..80ms", "--fail", "0.5")
        self.assertEqual((report["calls"], report["problems"]), (900, []))
        self.assertEqual(report["created"] + report["duplicates"] + report["refused"], 900)
        self.assertEqual(report["recorded"], report["created"])
        self.assertGreater(report["created"], 150)  # of three callers each, one succeeds but for one in eight
        self.assertLess(report["created"], 300)
        self.assertGreater(report["refused"], 300)

    def test_ten_thousand_saves_wait_at_once_with_a_handful_of_threads(self):
        report = self.demo("--items", 10_000, "--delay", "2s")
        self.assertEqual(Counter(created=10_000, duplicates=20_000, refused=0, recorded=10_000, calls=30_000),
                         {name: report[name] for name in ("created", "duplicates", "refused", "recorded", "calls")})
        self.assertEqual(report["problems"], [])
        self.assertGreaterEqual(report["seconds"], 2)
        self.assertLess(report["seconds"], 2.5)
        self.assertEqual(report["saves_at_once"], 10_000)
        self.assertEqual(report["calls_at_once"], 30_000)
        self.assertLessEqual(report["threads"], 16)
        self.assertGreater(report["heap_bytes_per_save"], 256, "the content alone has more")
        self.assertLess(report["heap_bytes_per_save"], 4096, "a coroutine, not a thread's stack")
        self.assertGreater(report["heap_bytes_per_repeat"], 32)
        self.assertLess(report["heap_bytes_per_repeat"], report["heap_bytes_per_save"])


if __name__ == "__main__":
    unittest.main()
