"""Three servers whose database lives at another time: its clock steps by minutes and days, ahead and back, and runs too
fast and too slowly, while they save, hold claims and count up their heartbeats. Nobody notices.

What the time of day of a server does is tried by cluster_server_test.py, that of Redis by cluster_redis_test.py.
"""

import concurrent.futures
import tempfile
import time
import unittest

from backend_server import Backend, digest_of
from clock_shift import DAY, ClockShift
from cluster_clients import ClusterTest
from serving import wait_until

LEASE_SECONDS = 2
TAKE_OVER_SECONDS = LEASE_SECONDS + 1 + 7  # what is promised, and what a busy machine may add
STEPS = (60, -60, 600, -600, DAY, -DAY)  # seconds that the clock is off; from one to the next it jumps
DRIFTS = (500_000, -500_000)  # parts in a million: half as fast again, half as fast


class ShiftedDatabase(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.clock = ClockShift(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-clock-")))
        cls.OPTIONS = {"redis": 0, "postgres_environment": cls.clock.environment}
        super().setUpClass()

    def setUp(self):
        self.addCleanup(self.clock.set)

    def seconds_off(self):
        """How far the database's clock is from that of everybody else."""
        return float(self.postgres.query("SELECT extract(epoch FROM clock_timestamp())")[0]) - time.time()

    def shifts(self):
        """Shifts the clock in one way after the other, and yields while it is so."""
        for seconds in STEPS:
            self.clock.set(seconds)
            self.assertAlmostEqual(self.seconds_off(), seconds, delta=5)
            yield
        for drift in DRIFTS:
            self.clock.set(parts_in_a_million=drift)
            before = self.seconds_off()
            wait_until(lambda was=before: abs(self.seconds_off() - was) > 0.2, "it drifts")
            yield
        self.clock.set()
        yield

    def states(self, server):
        """Of all servers, as that one sees them; those that were killed before are there, too."""
        seen = server.get("/v1/cluster").json()
        self.assertEqual(seen["problem"], "")
        return [one["state"] for one in seen["servers"]]

    def wait_until_all_are_seen(self):
        for server in self.servers:
            wait_until(lambda one=server: self.states(one).count("serving") == len(self.servers), "it sees all others")

    def assert_all_serve(self):
        """Nobody looks dead to anybody."""
        for server in self.servers:
            self.assertEqual(self.states(server).count("serving"), len(self.servers), server.get("/v1/cluster"))


class ItemsAlone(ShiftedDatabase):
    FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0")

    def test_the_time_of_the_database_changes_no_answer(self):
        self.wait_until_all_are_seen()
        with self.clients(deadline=10) as clients:
            for _ in self.shifts():
                clients.wait_for_saved(200)
                self.assert_all_serve()
            clients.wait_for_recovery()
        self.audit(clients)


class ItemsOfABackend(ShiftedDatabase):
    @classmethod
    def setUpClass(cls):
        cls.backend = cls.enterClassContext(Backend())
        cls.pool = cls.enterClassContext(concurrent.futures.ThreadPoolExecutor(20))
        cls.FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0",
                     "--backend.url", cls.backend.url, "--backend.lease", f"{LEASE_SECONDS}s")
        super().setUpClass()

    def claim(self, content):
        return self.postgres.query(f"SELECT epoch, parked FROM itemgate.claim WHERE digest = '\\x{digest_of(content)}'")

    def ask(self, server, content):
        return self.pool.submit(self.save, server, content.decode())

    def audit_both(self, *clients):
        """The database, and the backend itself: whatever was told to be saved took effect there, once."""
        self.assertEqual(self.postgres.query("SELECT count(*) FROM itemgate.claim"), ["0"])
        self.audit(*clients)
        effects = self.backend.all_effects()
        self.assertEqual(set(effects.values()), {1})
        self.assertEqual(set(effects), {digest_of(content.encode()) for content in self.ledger.ids})

    def test_nobody_takes_over_from_a_server_that_lives(self):
        holder, *others = self.servers
        slow = b"the backend takes its time"
        gate = self.backend.hold("save", slow)
        first = self.ask(holder, slow)
        gate.wait_reached()
        self.wait_until_all_are_seen()
        waiting = [self.ask(server, slow) for server in others]  # who look at the claim all the time
        with self.clients(deadline=10) as clients:
            for _ in self.shifts():
                begin = time.monotonic()
                clients.wait_for_saved(50)
                wait_until(lambda since=begin: time.monotonic() - since > LEASE_SECONDS / 2,
                           "a step or two are as long as the lease")
                self.assertEqual(self.claim(slow), ["1|f"])
                self.assert_all_serve()
            clients.wait_for_recovery()
            gate.open()
        self.assertEqual(first.result().status, 201, first.result())
        self.assertEqual({answer.result().id for answer in waiting}, {first.result().id})
        self.assertEqual((self.backend.calls("find", slow), self.backend.calls("save", slow)), (1, 1))
        self.audit_both(clients)

    def test_what_a_dead_server_held_is_taken_over_in_time(self):
        victim, other, _ = self.servers
        for before, after in ((0, -600), (600, 0), (-DAY, DAY)):
            with self.subTest(before=before, after=after):
                self.clock.set(before)
                content = f"held when the clock went from {before} to {after}".encode()
                gate = self.backend.hold_after_effect(content)
                first = self.ask(victim, content)
                gate.wait_reached()
                victim.kill()
                self.assertIsInstance(first.exception(), OSError)
                gate.open()
                self.clock.set(after)
                begin = time.monotonic()
                second = self.save(other, content.decode())
                self.assertLess(time.monotonic() - begin, TAKE_OVER_SECONDS)
                self.assertEqual(second.status, 201, second)
                victim.start()
                self.assertEqual(self.save(victim, content.decode()).id, second.id)
        self.clock.set()
        with self.clients(deadline=10) as clients:
            clients.wait_for_saved(100)
        self.audit_both(clients)


if __name__ == "__main__":
    unittest.main()
