"""Partitions between servers, database and Redis servers: each server in a network namespace of its own, and nftables
between them.

The whole test runs in a network namespace, in which the database is, and from which the servers have theirs: nothing of
it is seen on the machine, and nothing of it outlives its processes. That takes root.
"""

import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

from cluster_clients import BREAKS, ClusterTest
from processes import die_with_parent
from serving import wait_until

INSIDE = "ITEMGATE_TEST_NAMESPACE"  # set in the environment of the test within its namespace
NET = "10.211.0"  # each server's is a network of two addresses in it, which nobody else can see


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


class Namespace:
    """A network namespace with a wire to that of the test. A context manager."""

    def __init__(self, number):
        self.here, self.there = f"{NET}.{4 * number + 1}", f"{NET}.{4 * number + 2}"
        self._number = number

    def __enter__(self):
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent)
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{self._holder.pid}/ns/net") != own, "the namespace is there")
        self.enter = ["nsenter", "--net", "--target", str(self._holder.pid)]
        near, far = f"near{self._number}", f"far{self._number}"
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", str(self._holder.pid))
        run("ip", "address", "add", f"{self.here}/30", "dev", near)
        run("ip", "link", "set", near, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{self.there}/30", "dev", far)
        self.run("ip", "link", "set", far, "up")
        self.run("nft", "add", "table", "inet", "faults")
        for hook in ("input", "output"):
            self.run("nft", "add", "chain", "inet", "faults", hook, f"{{ type filter hook {hook} priority 0; }}")
        self.run("nft", "add", "table", "ip", "repeats")
        self.run("nft", "add", "chain", "ip", "repeats", "output", "{ type filter hook output priority 0; }")
        return self

    def __exit__(self, *_):
        self._holder.kill()
        self._holder.wait()

    def run(self, *command):
        return run(*self.enter, *command)

    def drop_sent(self, port):
        """Packets to that port go nowhere."""
        self.run("nft", "add", "rule", "inet", "faults", "output", "tcp", "dport", str(port), "drop")

    def drop_received(self, port):
        """Packets from that port do not arrive."""
        self.run("nft", "add", "rule", "inet", "faults", "input", "tcp", "sport", str(port), "drop")

    def lose(self, ports, percent):
        """So many packets to and from those ports go nowhere."""
        for hook, end in (("output", "dport"), ("input", "sport")):
            self.run("nft", "add", "rule", "inet", "faults", hook, "tcp", end, set_of(ports), "numgen", "random", "mod",
                     "100", "<", str(percent), "drop")

    def repeat(self, ports):
        """Every second packet to those ports arrives twice."""
        self.run("nft", "add", "rule", "ip", "repeats", "output", "tcp", "dport", set_of(ports), "numgen", "inc", "mod",
                 "2", "==", "0", "dup", "to", self.here, "device", f"far{self._number}")

    def heal(self):
        self.run("nft", "flush", "table", "inet", "faults")
        self.run("nft", "flush", "table", "ip", "repeats")


def repeats_seen():
    """Segments that this namespace was sent twice, as its TCP says."""
    names, values = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines()
                     if line.startswith("TcpExt:")]
    return int(values[names.index("TCPDSACKOldSent")])


def set_of(ports):
    return "{ " + ", ".join(map(str, ports)) + " }"


class Partitions(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s", "--lock", "redlock")
    OPTIONS = {"servers": 0, "host": "0.0.0.0"}  # of the namespace

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spaces = [cls.enterClassContext(Namespace(number)) for number in range(3)]
        for space in cls.spaces:
            server = cls.cluster.add_server(
                store=cls.postgres.url.replace("127.0.0.1", space.here), redis_host=space.here, around=space.enter,
                listen=f"{space.there}:8080", management=f"{space.there}:8081")
            cls.servers.append(server)

    def tearDown(self):
        for space in self.spaces:
            space.heal()

    def partition(self, *directions):
        """Cuts the first server off from the database: full, or one way. Others must not notice."""
        cut, whole = self.servers[0], self.servers[1:]
        with self.clients(*BREAKS, servers=[cut], deadline=6, threads=3) as clients, \
                self.clients(servers=whole, threads=3) as unaffected:
            clients.wait_for_saved()
            for direction in directions:
                getattr(self.spaces[0], direction)(self.postgres.port)
            started = time.monotonic()
            wait_until(lambda: cut.manage("GET", "/readyz").status == 503, "it is not ready")
            silent = time.monotonic() - started
            clients.wait_for("refused", 20)
            unaffected.wait_for_recovery()
            self.spaces[0].heal()
            seconds = clients.wait_for_recovery()
            self.wait_until_ready(cut)
        self.audit(clients, unaffected)
        print(f"  not ready after {silent:.1f} s, back {seconds:.1f} s after the end of the partition")
        self.assertLess(silent, 5)
        self.assertLess(seconds, 10)

    def test_a_server_without_its_database_says_so_and_comes_back(self):
        self.partition("drop_sent", "drop_received")

    def test_commits_that_are_not_seen_are_unknown_and_found_out(self):
        self.partition("drop_received")

    def test_requests_that_do_not_arrive(self):
        self.partition("drop_sent")

    def test_a_server_without_redis_needs_none(self):
        self.part_from_redis("drop_sent", "drop_received")

    def test_a_server_that_redis_does_not_hear_needs_none(self):
        self.part_from_redis("drop_sent")

    def test_a_server_that_does_not_hear_redis_needs_none(self):
        self.part_from_redis("drop_received")

    def part_from_redis(self, *directions):
        """Cuts the first server off from all Redis servers: full, or one way. Nobody may notice."""
        with self.clients() as clients:
            clients.wait_for_saved(200)
            for redis in self.redis:
                for direction in directions:
                    getattr(self.spaces[0], direction)(redis.port)
            wait_until(lambda: "itemgate_seen_cache_nodes_ready 0" in self.metrics(self.servers[0]), "they are gone")
            clients.wait_for_saved(1000)
            self.spaces[0].heal()
            wait_until(lambda: "itemgate_seen_cache_nodes_ready 5" in self.metrics(self.servers[0]), "they are back")
            clients.wait_for_recovery()
        self.audit(clients)

    def test_lost_and_repeated_packets_cost_time_only(self):
        ports = [self.postgres.port, *(redis.port for redis in self.redis)]
        repeats = repeats_seen()
        with self.clients(*BREAKS, deadline=6) as clients:
            clients.wait_for_saved(200)
            for percent in (5, 20):
                before = clients.saved()
                for space in self.spaces:
                    space.heal()
                    space.lose(ports, percent)
                    space.repeat(ports)
                clients.wait_for_saved(300, timeout=60)
                print(f"  p99 {clients.percentile(0.99, since=before) * 1e3:.0f} ms with {percent} % lost each way")
            for space in self.spaces:
                space.heal()
            seconds = clients.wait_for_recovery()
            self.wait_until_ready()
        self.audit(clients)
        self.assertLess(seconds, 10)
        self.assertGreater(repeats_seen(), repeats + 100)

    def metrics(self, server):
        return server.manage("GET", "/metrics").body.decode()


def main():
    if os.environ.get(INSIDE):
        run("ip", "link", "set", "lo", "up")
        unittest.main()
    probe = subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], capture_output=True, text=True)
    if probe.returncode != 0:
        print("NOT TESTED: partitions. This machine gives no network namespaces, which takes root, or has no nft "
              f"(package nftables):\n{probe.stderr}", file=sys.stderr)
        sys.exit(77)  # which ctest calls skipped
    os.execvpe("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv], os.environ | {INSIDE: "1"})


if __name__ == "__main__":
    main()
