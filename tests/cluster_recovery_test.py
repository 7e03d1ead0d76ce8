"""A cluster that was broken is soon what it was: ten seconds after the end of a fault as many contents are saved in a
second, at the first try, as before it. Meanwhile no server denies what another has said to be saved.

The clients send at a pace that also a busy machine can keep, so that what is counted says how the cluster does, and not
the machine.
"""

import contextlib
import signal
import time
import unittest

from cluster_clients import BREAKS, ClusterTest
from serving import wait_until

PACE_SECONDS = 0.04  # for each of six clients: 150 contents a second


class Recovery(ClusterTest):
    # Without near caches every duplicate looks into Redis, and every new content takes a lock there.
    FLAGS = ("--postgres.timeout", "2s", "--lock", "redlock", "--near-cache.keys", "0",
             "--limits.connections-per-address", "0")

    def setUp(self):
        self.wait_until_ready()
        wait_until(lambda: all(server.metric("itemgate_seen_cache_nodes_ready") == len(self.redis)
                               for server in self.servers), "all servers have all Redis servers")

    @contextlib.contextmanager
    def fault(self, *allowed, deadline=2):
        """Clients that see the cluster whole, then broken by the block, then whole again."""
        with self.clients(*allowed, deadline=deadline, looked=0.5, pace=PACE_SECONDS) as clients:
            before = clients.goodput()
            self.assertGreater(before, 3 / PACE_SECONDS, "half of what is sent")
            yield clients
            seconds = clients.wait_for_goodput(before, fault_end=time.monotonic())
            clients.wait_for_recovery()
        self.assertGreater(clients.looks["found"], 100)
        self.audit(clients)
        print(f"  {before:.0f} a second before, and again {seconds:.1f} s after the end")

    def let_pass(self, seconds):
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + seconds, "a while has passed")

    def test_a_database_that_was_killed(self):
        with self.fault(*BREAKS) as clients:
            self.postgres.kill()
            clients.wait_for("refused", 50)
            self.let_pass(2)
            self.postgres.start()

    def test_a_database_that_stood_still(self):
        with self.fault(*BREAKS, deadline=5) as clients:
            self.postgres.pause()
            clients.wait_for("unknown")
            self.postgres.resume()

    def test_all_redis_servers_that_were_down(self):
        with self.fault():
            for redis in self.redis:
                redis.kill()
            self.let_pass(2)
            for redis in self.redis:
                redis.start()

    def test_a_server_that_stood_still(self):
        with self.fault("lost", "unknown", "refused", deadline=1) as clients:
            self.servers[0].process.send_signal(signal.SIGSTOP)
            clients.wait_for("lost", 10)
            self.let_pass(1)
            self.servers[0].process.send_signal(signal.SIGCONT)

    def test_a_server_that_was_killed(self):
        with self.fault("lost") as clients:
            self.servers[0].kill()
            clients.wait_for("lost", 50)
            self.servers[0].start()


if __name__ == "__main__":
    unittest.main()
