"""Three servers on one database, of which some are stopped, killed, restarted, or live at another time."""

import os
import random
import signal
import tempfile
import time
import unittest
from pathlib import Path

import blackbox
from clock_shift import DAY, YEAR, ClockShift
from cluster_clients import ClusterTest
from http_connection import Connection
from serving import wait_until

# Another build that works on the same tables, for the test of a rolling upgrade; the same one if none is given.
OTHER_BINARY = os.environ.get("ITEMGATE_OTHER_BINARY", blackbox.BINARY)


class Entry:
    """What clients that know only nginx see."""

    def __init__(self, nginx):
        self.address = ("127.0.0.1", nginx.port)

    def connect(self, **options):
        return Connection(self.address, **options)


class ServersFail(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0")
    OPTIONS = {"redis": 0, "nginx": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clock = ClockShift(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-clock-")))
        cls.elsewhen = cls.cluster.add_server(environment=cls.clock.environment)

    def test_killed_at_random_moments_and_started_again(self):
        choose = random.Random(1)
        with self.clients("lost") as clients:
            for _ in range(6):
                clients.wait_for_saved(choose.randrange(20, 120))
                victim = choose.choice(self.servers)
                victim.kill()
                victim.start()
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_stopped_server_holds_up_nobody_and_says_the_truth_when_it_goes_on(self):
        victim, others = self.servers[0], self.servers[1:]
        with self.clients("lost", "unknown", "refused", deadline=1) as clients, \
                self.clients(servers=others) as unaffected:
            clients.wait_for_saved()
            victim.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            wait_until(lambda: time.monotonic() - stopped > 3, "all that has a deadline is past it")
            unaffected.wait_for_recovery()
            victim.process.send_signal(signal.SIGCONT)
            clients.wait_for_recovery()
        self.audit(clients, unaffected)

    def test_all_of_them_stopped_at_once(self):
        with self.clients("lost", "unknown", "refused", deadline=1) as clients:
            clients.wait_for_saved()
            for server in self.servers:
                server.process.send_signal(signal.SIGSTOP)
            clients.wait_for("lost", 10)
            for server in self.servers:
                server.process.send_signal(signal.SIGCONT)
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_rolling_restart_behind_nginx_fails_no_request(self):
        with self.clients(servers=[Entry(self.cluster.nginx)], deadline=10) as clients:
            clients.wait_for_saved()
            for server in self.servers:
                self.restart(server)
                clients.wait_for_saved()
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_rolling_restart_gives_clients_without_a_proxy_only_what_they_may_retry(self):
        with self.clients("lost", "refused") as clients:
            clients.wait_for_saved()
            for server in self.servers:
                self.restart(server)
                clients.wait_for_recovery()
        self.audit(clients)

    def test_a_rolling_upgrade_mixes_two_builds(self):
        with self.clients("lost", "refused") as clients:
            clients.wait_for_saved()
            for server in self.servers:
                server.binary = OTHER_BINARY
                self.restart(server)
                clients.wait_for_recovery()
        self.audit(clients)
        for server in self.servers:
            server.binary = blackbox.BINARY
            self.restart(server)

    def test_tables_of_another_version_end_the_service_with_a_clear_word(self):
        everybody = [*self.servers, self.elsewhen]
        with self.clients("refused", "lost", "unknown") as clients:
            clients.wait_for_saved()
            self.postgres.query("INSERT INTO itemgate.migration (version) VALUES (99)")
            with self.assertRaisesRegex(RuntimeError, "version 99, and this program knows .*; use the newer program"):
                self.cluster.add_server()
            for server in everybody:
                wait_until(lambda one=server: one.manage("GET", "/readyz").status == 503, "it is not ready")
            clients.wait_for("refused", 20)
            self.postgres.query("DELETE FROM itemgate.migration WHERE version = 99")
            for server in everybody:
                self.restart(server)
            clients.wait_for_recovery()
        self.audit(clients)

    def test_the_time_of_day_changes_no_answer(self):
        with self.clients(servers=[*self.servers, self.elsewhen]) as clients:
            for seconds in (DAY, -DAY, YEAR, -YEAR, 0):
                self.clock.set(seconds)
                clients.wait_for_saved()
                wait_until(lambda shift=seconds: self.lives_at(time.time() + shift), "the server lives at that time")
            self.clock.set(parts_in_a_million=500_000)  # half as fast again
            clients.wait_for_recovery()
            self.clock.set()
        self.audit(clients)

    def lives_at(self, then):
        """Whether the shifted server says that it is that day."""
        return time.strftime("%d %b %Y", time.gmtime(then)) in self.elsewhen.get("/v1/stats").fields["date"]

    def restart(self, server):
        """As an operator does: it drains, ends in order, and starts again."""
        started = time.monotonic()
        server.terminate()
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - started, 10)
        server.start()


if __name__ == "__main__":
    unittest.main()
