"""Three servers with five Redis servers that fail in every way. Nobody notices: every request succeeds, at once, and
each content is saved once; for Redis only saves work."""

import re
import tempfile
import time
import unittest

from clock_shift import ClockShift
from cluster_clients import ClusterTest
from serving import FAULTY_LOCK, wait_until

USER = ("--user", "itemgate", "on", ">secret", "~*", "&*", "+@all")  # who the servers are; the tests are another
SWAP = """
local names = redis.call('KEYS', 'seen:*')
for number = 1, #names - 1 do redis.call('SET', names[number], redis.call('GET', names[number + 1])) end
for number = 1, #names, 3 do redis.call('SET', names[number], '999') end
return #names"""


class RedisFails(ClusterTest):
    # Without near caches every duplicate looks into Redis, and every new content takes a lock there.
    FLAGS = ("--lock", "redlock", "--near-cache.keys", "0", "--limits.connections-per-address", "0")

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-clock-"))
        cls.clock = ClockShift(folder)
        cls.OPTIONS = {"redis_arguments": USER, "redis_user": "itemgate:secret",
                       "redis_environments": [cls.clock.environment] * 3}
        super().setUpClass()

    def setUp(self):
        self.wait_for_all_redis()

    def metric(self, server, name):
        text = server.manage("GET", "/metrics").body.decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def total(self, name):
        return sum(self.metric(server, name) for server in self.servers)

    def wait_for_all_redis(self):
        started = time.monotonic()
        wait_until(lambda: self.total("itemgate_seen_cache_nodes_ready") == len(self.servers) * len(self.redis),
                   "all servers have all Redis servers")
        return time.monotonic() - started

    def everywhere(self, *words):
        for redis in self.redis:
            redis.command(*words)

    def unnoticed(self, break_it, mend_it=lambda: None, count=400):
        """Under load: breaks Redis, goes on, mends it, goes on. No answer may be anything but success."""
        with self.clients(new=0.2) as clients:  # so few that looking pays
            clients.wait_for_saved(200)
            healthy = clients.percentile(0.99)
            before = clients.saved()
            break_it()
            clients.wait_for_saved(count)
            broken = clients.percentile(0.99, since=before)
            mend_it()
            back = self.wait_for_all_redis()
            clients.wait_for_recovery()
        self.audit(clients)
        print(f"  p99 {healthy * 1e3:.1f} ms before, {broken * 1e3:.1f} ms broken; all back after {back:.1f} s")
        self.assertLess(back, 10)
        self.assertLess(broken, 0.25)

    def each(self, action, count=5):
        return lambda: [getattr(redis, action)() for redis in self.redis[:count]]

    def test_it_is_used(self):
        hits, locks = 'itemgate_seen_cache_looks_total{result="hit"}', 'itemgate_locks_total{result="acquired"}'
        before = self.total(hits), self.total(locks)
        with self.clients(new=0.05) as clients:
            wait_until(lambda: self.total(hits) > before[0] + 100, "the seen cache is asked, since that pays")
            if not FAULTY_LOCK:
                wait_until(lambda: self.total(locks) > before[1] + 20, "locks are taken, a second after they could not")
        self.audit(clients)

    def test_all_killed(self):
        self.unnoticed(self.each("kill"), self.each("start"))

    def test_three_killed_and_started_empty(self):
        def restart():
            for redis in self.redis[:3]:
                redis.kill()
                redis.start()
        self.unnoticed(restart)

    def test_two_killed(self):
        self.unnoticed(self.each("kill", 2), self.each("start", 2))

    def test_one_stopped(self):
        self.unnoticed(self.each("pause", 1), self.each("resume", 1))

    def test_all_stopped(self):
        self.unnoticed(self.each("pause"), self.each("resume"))

    def test_paused(self):
        self.unnoticed(lambda: self.everywhere("CLIENT", "PAUSE", "1500", "ALL"))

    def test_one_and_then_all_asleep(self):
        self.unnoticed(lambda: self.redis[0].stall("DEBUG", "SLEEP", "3"))
        self.unnoticed(lambda: [redis.stall("DEBUG", "SLEEP", "3") for redis in self.redis])

    def test_busy_with_a_script_without_end(self):
        self.everywhere("CONFIG", "SET", "busy-reply-threshold", "400")  # until then silent, and then BUSY
        self.unnoticed(lambda: [redis.stall("EVAL", "while true do end", "0") for redis in self.redis[:2]],
                       lambda: [redis.command("SCRIPT", "KILL") for redis in self.redis[:2]])

    def test_flushed(self):
        with self.clients() as clients:
            for _ in range(10):
                clients.wait_for_saved(50)
                self.everywhere("FLUSHALL")
            clients.wait_for_recovery()
        self.audit(clients)

    def test_scripts_forgotten(self):
        self.unnoticed(lambda: self.everywhere("SCRIPT", "FLUSH"))

    def test_full_and_evicting_locks_alone(self):
        def fill():
            self.everywhere("CONFIG", "SET", "maxmemory-policy", "volatile-lru")  # entries never expire: refused
            self.everywhere("CONFIG", "SET", "maxmemory", "1")
        self.unnoticed(fill, lambda: self.everywhere("CONFIG", "SET", "maxmemory", "0"))

    def test_full_and_evicting_entries(self):
        contents = [f"evicted {number}" for number in range(300)]
        ids = [self.save(self.servers[0], content).id for content in contents]
        self.everywhere("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        wait_until(lambda: len(self.entries()) >= len(contents), "all are there")
        entries, evicted = self.entries(), self.told("evicted_keys")

        def fill():  # what comes from now on takes the place of something else
            for redis in self.redis:
                redis.command("CONFIG", "SET", "maxmemory", dict(self.info(redis))["used_memory"])
        self.unnoticed(fill, lambda: self.everywhere("CONFIG", "SET", "maxmemory", "0"))
        self.assertGreater(self.told("evicted_keys"), evicted)
        self.assertGreater(len(entries - self.entries()), 0)  # not only locks
        for content, id in zip(contents, ids):
            again = self.save(self.servers[1], content)
            self.assertEqual((again.status, again.outcome, again.id), (200, "duplicate", id))
        self.audit()

    def entries(self):
        return {name for redis in self.redis for name in redis.command("KEYS", "seen:*").splitlines()}

    @staticmethod
    def info(redis):
        return (line.strip().split(":", 1) for line in redis.command("INFO").splitlines() if ":" in line)

    def told(self, name):
        return sum(int(dict(self.info(redis))[name]) for redis in self.redis)

    def test_the_user_is_switched_off(self):
        def switch_off():
            self.everywhere("ACL", "SETUSER", "itemgate", "off")
            self.everywhere("CLIENT", "KILL", "USER", "itemgate")
        self.unnoticed(switch_off, lambda: self.everywhere("ACL", "SETUSER", "itemgate", "on"))

    def test_what_is_forged_is_not_believed(self):
        contents = [f"forged {number}" for number in range(60)]
        for content in contents:
            self.assertEqual(self.save(self.servers[0], content).status, 201)
        wait_until(lambda: sum(int(redis.command("EVAL", SWAP, "0")) for redis in self.redis) >= len(contents),
                   "all are in Redis")
        for _ in range(2):
            for redis in self.redis:
                redis.command("EVAL", SWAP, "0")
            for content in contents:
                for server in self.servers:
                    self.assertEqual(self.save(server, content).outcome, "duplicate")
        self.assertGreater(self.total('itemgate_seen_cache_looks_total{result="forged"}'), 0)
        self.audit()

    def test_clocks_of_three_are_ahead_behind_and_drift(self):
        def seconds_of(redis):
            return int(redis.command("TIME").splitlines()[0])

        self.addCleanup(self.clock.set)
        with self.clients() as clients:
            for shift in (40, -600, 86_400):
                clients.wait_for_saved(100)
                self.clock.set(shift)
                self.assertAlmostEqual(seconds_of(self.redis[0]) - seconds_of(self.redis[4]), shift, delta=3)
                clients.wait_for_saved(200)
            self.clock.set(parts_in_a_million=500_000)
            clients.wait_for_saved(200)
            self.clock.set()
            clients.wait_for_recovery()
        self.audit(clients)


if __name__ == "__main__":
    unittest.main()
