"""The control of cluster_backend_test.py: servers that are kept apart by RedLock alone must show two effects.

Otherwise those faults would prove nothing. The same faults of Redis against the service itself, with its lock and its
claims, show one.
"""

import os
import tempfile
import unittest

from backend_serving import ThreeServers, stopped
from clock_shift import ClockShift
from redis_servers import Redis
from serving import wait_until

NAIVE = os.environ["ITEMGATE_NAIVE_SERVER"]
TRIES_MAX = 20
LOCK_SECONDS = 2


class Locked(ThreeServers):
    """With three Redis servers, and the ways in which two of them forget who has a lock."""

    shift = 0  # of the clocks of two of them, in seconds

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-clock-"))
        cls.clock = ClockShift(folder)
        cls.redis = [cls.enterClassContext(Redis(environment=os.environ | cls.clock.environment)) for _ in range(2)]
        cls.redis.append(cls.enterClassContext(Redis()))
        super().setUpClass()

    @classmethod
    def flags(cls):
        return ("--redis", ",".join(redis.address for redis in cls.redis))

    def effects_of(self, fault):
        """The most that one of some tries ends in."""
        for _ in range(TRIES_MAX):
            content = self.content()
            fault(content)
            if self.backend.effects(content) > 1:
                break
        return self.backend.effects(content)

    def restart_two(self):
        for redis in self.redis[:2]:
            redis.kill()
        for redis in self.redis[:2]:
            redis.start()

    def shift_two_clocks(self):
        self.shift += 40
        self.clock.set(seconds=self.shift)

    def start_two_fast(self):
        """From their start on the clocks of two of them run four times as fast: three renewals come too late.

        Half as fast again, as clocks may drift at the very most, shows nothing: a lock is renewed after a third of its
        time, and such servers keep it for two thirds.
        """
        self.addCleanup(self.restart_two)
        self.addCleanup(self.clock.set, seconds=self.shift)
        self.clock.set(seconds=self.shift, parts_in_a_million=3_000_000)
        self.restart_two()

    def start_replicas(self):
        """Replicas of two of them, which from now on hear nothing."""
        self.replicas = []
        for redis in self.redis[:2]:
            self.addCleanup(redis.start)
            replica = self.enterContext(Redis("--replicaof", redis.host, str(redis.port)))
            wait_until(lambda one=replica: "master_link_status:up" in one.command("INFO", "replication"), "it follows")
            replica.pause()
            redis.command("CLIENT", "KILL", "TYPE", "replica")
            self.replicas.append(replica)

    def promote_replicas(self):
        """The two are lost, and their replicas take their places."""
        for redis, replica in zip(self.redis, self.replicas):
            redis.kill()
            replica.resume()
            replica.command("REPLICAOF", "NO", "ONE")
            replica.command("CONFIG", "SET", "port", str(redis.port))

    def evict_from_two(self):
        for redis in self.redis[:2]:
            redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
            redis.command("CONFIG", "SET", "maxmemory", "1")
            redis.command("CONFIG", "SET", "maxmemory", "0")


class LockAlone(Locked):
    @classmethod
    def audit(cls):
        """It does not hold."""

    @classmethod
    def server(cls, number):
        server = super().server(number)
        server.binary = NAIVE
        return server

    @classmethod
    def flags(cls):
        return (*super().flags(), "--lock-expiry-ms", str(LOCK_SECONDS * 1000))

    def while_a_saves(self, what=lambda: None):
        """Server 1 saves a content, that happens, and server 2 is sent the same. Without a lock, that shows nothing."""
        def fault(content):
            gate = self.backend.hold("save", content)
            first = self.ask(self.servers[0], content)
            gate.wait_reached()
            what()
            self.assertIn(self.servers[1].save(content).status, (201, 502))
            gate.open()
            self.assertIn(first.result().status, (200, 201))
        return self.effects_of(fault)

    def while_a_stands(self, kind):
        """Server 1 is stopped in that call, and server 2 is sent the same."""
        def fault(content):
            gate = self.backend.hold(kind, content)
            first = self.ask(self.servers[0], content)
            gate.wait_reached()
            with stopped(self.servers[0]):
                self.assertIn(self.servers[1].save(content).status, (201, 502))
                gate.open()
            self.assertIn(first.result().status, (200, 201))
        return self.effects_of(fault)

    def test_without_faults_it_saves_once(self):
        for content in [self.content() for _ in range(10)]:
            answers = [answer.result() for answer in [self.ask(server, content) for server in self.servers]]
            self.assertEqual({answer.status // 100 for answer in answers}, {2}, answers)
            self.assertEqual(len({answer.id for answer in answers}), 1)
            self.assertEqual(self.backend.effects(content), 1)

    def test_F1_saves_twice(self):
        self.assertEqual(self.while_a_saves(self.restart_two), 2)

    def test_F2_saves_twice(self):
        self.assertEqual(self.while_a_saves(self.shift_two_clocks), 2)

    def test_F4_saves_twice(self):
        self.start_two_fast()
        self.assertEqual(self.while_a_saves(), 2)

    def test_F5_saves_twice(self):
        self.assertEqual(self.while_a_saves(self.evict_from_two), 2)

    def test_F9_saves_twice(self):
        self.start_replicas()
        self.assertEqual(self.while_a_saves(self.promote_replicas), 2)

    def test_F13_saves_twice(self):
        self.assertEqual(self.while_a_stands("find"), 2)

    def test_F14_saves_twice(self):
        self.assertEqual(self.while_a_stands("save"), 2)


class LockAndClaims(Locked):
    @classmethod
    def flags(cls):
        return (*super().flags(), *ThreeServers.flags(), "--lock", "auto", "--redlock.expiry", f"{LOCK_SECONDS}s")

    def assert_saves_once(self, what=lambda: None):
        content = self.content()
        gate = self.backend.hold("save", content)
        asked = [self.ask(self.servers[0], content)]
        gate.wait_reached()
        what()
        asked += [self.ask(server, content) for server in self.servers]
        early = self.servers[1].save(content, prefer="wait=1.5")  # by then it would have been sent again
        self.assertEqual(early.status, 202, early)
        gate.open()
        answers = [answer.result() for answer in asked]
        self.assertEqual(len({answer.id for answer in answers}), 1, answers)
        self.assertEqual((self.backend.effects(content), self.backend.calls("save", content)), (1, 1))

    def test_F1_saves_once(self):
        self.assert_saves_once(self.restart_two)

    def test_F2_saves_once(self):
        self.assert_saves_once(self.shift_two_clocks)

    def test_F4_saves_once(self):
        self.start_two_fast()
        self.assert_saves_once()

    def test_F9_saves_once(self):
        self.start_replicas()
        self.assert_saves_once(self.promote_replicas)

    def test_F5_saves_once(self):
        self.assert_saves_once(self.evict_from_two)


if __name__ == "__main__":
    unittest.main()
