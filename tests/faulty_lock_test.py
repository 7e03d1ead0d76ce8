"""The lock never matters: the servers save once with one that grants always, never, twice, loses, hangs, or throws.

Runs those tests of cluster_backend_test.py that take servers apart, and one without a backend, with the lock that
$ITEMGATE_FAULTY_LOCK names, in front of claims as well as insertions. All the others, and those of clusters that fail
in every other way, are run with each lock by `ctest --preset dev -L locks`.
"""

import collections
import random
import re
import time
import unittest
from pathlib import Path

import cluster_backend_test as suite
from serving import FAULTY_LOCK, Server, wait_until

# What three servers are told that ask for the lock of one content at once, and how many get it before one is done.
TOLD = {"always": {"acquired"}, "loses": {"acquired"}, "twice": {"acquired", "busy"}, "never": {"busy"},
        "hangs": {"unavailable"}, "throws": {"unavailable"}}
GRANTED = {"always": 3, "loses": 3, "twice": 2}


class FaultyLock(suite.AtMostOnce):
    def test_a_lone_save_is_held_up_by_a_moment_at_most(self):
        self.servers[0].save(self.content())  # connects to everything
        begin = time.monotonic()
        for _ in range(10):
            self.assertEqual(self.servers[0].save(self.content()).status, 201)
        self.assertLess(time.monotonic() - begin, 10 * 1.5)  # a lock that somebody has is waited for: a second

    def test_the_lock_is_asked(self):
        before, content = self.locks(), self.content()
        gate = self.backend.hold("save", content)
        asked = [self.ask(server, content) for server in self.servers]
        gate.wait_reached()

        def told():
            counted = self.locks() - before
            counted["unavailable"] += counted.pop("skipped", 0)
            return {result: count for result, count in counted.items() if count}
        wait_until(lambda: told().keys() >= TOLD[FAULTY_LOCK] and sum(told().values()) >= 3, "all were told")
        self.assertEqual(told().get("acquired", 0), GRANTED.get(FAULTY_LOCK, 0))
        gate.open()
        self.assert_saved(content, *(answer.result() for answer in asked))
        if FAULTY_LOCK == "loses":
            self.assertGreater(sum(server.metric("itemgate_locks_lost_total") for server in self.servers), 0)

    def locks(self):
        """What all servers together were told when they asked for one, by result."""
        counts = collections.Counter()
        for server in self.servers:
            told = server.manage("GET", "/metrics").body.decode()
            for result, count in re.findall(r'(?m)^itemgate_locks_total{result="(\w+)"} (\d+)$', told):
                counts[result] += int(count)
        return counts

    def test_without_a_backend_each_content_is_saved_once(self):
        servers = []
        for number in range(3):
            (folder := Path(self.folder, f"plain-{number}")).mkdir()
            servers.append(self.enterContext(Server(folder, "--store", self.postgres.url)))
        contents = [self.content() for _ in range(200)]

        def send(server, seed):
            order = list(contents)
            random.Random(seed).shuffle(order)
            return [(content, server.save(content, scope="plain")) for content in order]
        told = [self.pool.submit(send, server, seed) for seed, server in enumerate(servers * 2)]
        answers = [answer for each in told for answer in each.result()]
        self.assertEqual({answer.status for _, answer in answers}, {200, 201})
        self.assertEqual(sum(answer.outcome == "created" for _, answer in answers), len(contents))
        self.assertEqual(len({(content, answer.id) for content, answer in answers}), len(contents))


def load_tests(loader, _, __):
    """Not all of them for each lock: those that stop, kill, and crowd servers."""
    chosen = ("F13", "F16", "hundreds", "refusal")
    names = [name for name in loader.getTestCaseNames(FaultyLock)
             if name in FaultyLock.__dict__ or any(part in name for part in chosen)]
    return unittest.TestSuite(FaultyLock(name) for name in names)


if __name__ == "__main__":
    unittest.main()
