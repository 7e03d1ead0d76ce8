"""The control of cluster_backend_test.py: servers that are kept apart by RedLock alone must show two effects.

Otherwise those faults would prove nothing.
"""

import os
import unittest

from backend_serving import ThreeServers, stopped
from redis_servers import Redis

NAIVE = os.environ["ITEMGATE_NAIVE_SERVER"]
TRIES_MAX = 20


class LockAlone(ThreeServers):
    """The control: three servers that are kept apart by RedLock, and have no claims."""

    LOCK_SECONDS = 2

    @classmethod
    def setUpClass(cls):
        cls.redis = [cls.enterClassContext(Redis()) for _ in range(3)]
        super().setUpClass()

    @classmethod
    def server(cls, number):
        server = super().server(number)
        server.binary = NAIVE
        return server

    @classmethod
    def flags(cls):
        return ("--redis", ",".join(redis.address for redis in cls.redis),
                "--lock-expiry-ms", str(cls.LOCK_SECONDS * 1000))

    def effects_of(self, fault):
        """The most that one of some tries ends in."""
        for _ in range(TRIES_MAX):
            content = self.content()
            fault(content)
            if self.backend.effects(content) > 1:
                break
        return self.backend.effects(content)

    def test_without_faults_it_saves_once(self):
        for content in [self.content() for _ in range(10)]:
            answers = [answer.result() for answer in [self.ask(server, content) for server in self.servers]]
            self.assertEqual({answer.status // 100 for answer in answers}, {2}, answers)
            self.assertEqual(len({answer.id for answer in answers}), 1)
            self.assertEqual(self.backend.effects(content), 1)

    def test_F13_saves_twice(self):
        def fault(content):
            gate = self.backend.hold("find", content)
            first = self.ask(self.servers[0], content)
            gate.wait_reached()
            with stopped(self.servers[0]):
                self.assertEqual(self.servers[1].save(content).status, 201)
                gate.open()
            self.assertIn(first.result().status, (200, 201))
        self.assertEqual(self.effects_of(fault), 2)

    def test_F14_saves_twice(self):
        def fault(content):
            gate = self.backend.hold("save", content)
            first = self.ask(self.servers[0], content)
            gate.wait_reached()
            with stopped(self.servers[0]):
                self.assertEqual(self.servers[1].save(content).status, 201)
                gate.open()
            self.assertIn(first.result().status, (200, 201))
        self.assertEqual(self.effects_of(fault), 2)

    def while_a_saves(self, content, what):
        """Server 1 saves it, that happens, and server 2 is sent the same."""
        gate = self.backend.hold("save", content)
        first = self.ask(self.servers[0], content)
        gate.wait_reached()
        what()
        self.assertEqual(self.servers[1].save(content).status, 201)
        gate.open()
        self.assertIn(first.result().status, (200, 201))

    def test_F1_saves_twice(self):
        def restart_two():
            for redis in self.redis[:2]:
                redis.kill()
            for redis in self.redis[:2]:
                redis.start()
        self.assertEqual(self.effects_of(lambda content: self.while_a_saves(content, restart_two)), 2)

    def test_F5_saves_twice(self):
        def evict():
            for redis in self.redis[:2]:
                redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
                redis.command("CONFIG", "SET", "maxmemory", "1")
                redis.command("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(self.effects_of(lambda content: self.while_a_saves(content, evict)), 2)


if __name__ == "__main__":
    unittest.main()
