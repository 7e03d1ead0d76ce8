"""The lock never matters: the servers save once with one that grants always, never, twice, loses, hangs, or throws.

Runs the tests of cluster_backend_test.py that take servers apart, and one without a backend, with the lock that
$ITEMGATE_FAULTY_LOCK names, in front of claims as well as insertions.
"""

import os
import random
import time
import unittest
from pathlib import Path

import cluster_backend_test as suite
from serving import Server

MODE = os.environ["ITEMGATE_FAULTY_LOCK"]
PROGRAM = os.environ["ITEMGATE_FAULTY_LOCK_SERVER"]


class FaultyLock(suite.AtMostOnce):
    @classmethod
    def server(cls, number):
        server = super().server(number)
        server.binary = PROGRAM
        return server

    @classmethod
    def flags(cls):
        return (*super().flags(), "--faulty-lock", MODE)

    def test_a_lone_save_is_held_up_by_a_moment_at_most(self):
        self.servers[0].save(self.content())  # connects to everything
        begin = time.monotonic()
        for _ in range(10):
            self.assertEqual(self.servers[0].save(self.content()).status, 201)
        self.assertLess(time.monotonic() - begin, 10 * 1.5)  # a lock that somebody has is waited for: a second

    def test_the_lock_is_asked(self):
        self.assertEqual(self.servers[0].save(self.content()).status, 201)
        told = self.servers[0].manage("GET", "/metrics").body.decode()
        result = {"never": "busy", "hangs": "unavailable", "throws": "unavailable"}.get(MODE, "acquired")
        self.assertRegex(told, r'itemgate_locks_total\{result="%s"\} [1-9]' % result)
        if MODE == "loses":
            self.assertRegex(told, "itemgate_locks_lost_total [1-9]")

    def test_without_a_backend_each_content_is_saved_once(self):
        servers = []
        for number in range(3):
            (folder := Path(self.folder, f"plain-{number}")).mkdir()
            servers.append(self.enterContext(Server(folder, "--store", self.postgres.url, "--faulty-lock", MODE,
                                                    binary=PROGRAM)))
        contents = [self.content() for _ in range(200)]

        def send(server, seed):
            order = list(contents)
            random.Random(seed).shuffle(order)
            return [(content, server.save(content)) for content in order]
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
