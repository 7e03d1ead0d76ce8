#!/usr/bin/env python3
"""An older build, of tables that have changed since, upgraded to this one under load. Run by hand, for it builds.

    ITEMGATE_BINARY=build/dev/apps/itemgate/itemgate tests/upgrade_by_hand.py COMMIT

Builds COMMIT (such as 6c35cf2^, the last one of version 2) into a folder of its own, starts three servers of it, and
upgrades them as docs/postgres.md says while clients check every answer. upgrade_test.py tests what needs no old build.
"""

import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import blackbox
from cluster import Cluster
from cluster_clients import ClusterTest, Ledger
from serving import wait_until

ROOT = Path(__file__).resolve().parent.parent


def build(commit, folder):
    """The program of that commit."""
    checkout = folder / "checkout"
    subprocess.run(["git", "worktree", "add", "--detach", checkout, commit], cwd=ROOT, check=True)
    try:
        subprocess.run(["tools/build", "dev", "itemgate"], cwd=checkout, check=True)
        return (checkout / "build/dev/apps/itemgate/itemgate").rename(folder / "itemgate")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=ROOT, check=True)


class Upgrade(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0")
    old_binary = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(*cls.FLAGS, redis=0, binary=cls.old_binary))
        cls.postgres, cls.servers, cls.ledger, cls.unseen = cls.cluster.postgres, cls.cluster.servers, Ledger(), 0

    def version(self):
        return int(*self.postgres.query("SELECT max(version) FROM itemgate.migration"))

    def test_one_server_after_the_other(self):
        before = self.version()
        with self.clients("refused", "lost") as clients:
            clients.wait_for_saved(500)
            self.cluster.migrate(blackbox.BINARY)
            self.assertGreater(self.version(), before, "the tables of that commit are those of today")
            migrated = time.monotonic()
            for server in self.servers:
                wait_until(lambda one=server: one.manage("GET", "/readyz").status == 503, "it takes nothing more")
            self.assertLess(time.monotonic() - migrated, 3)
            clients.wait_for("refused", 100)
            for server in self.servers:
                server.terminate()
                self.assertEqual(server.wait(), 0)
                server.binary = blackbox.BINARY
                server.start()
                clients.wait_for_saved(100)
            clients.wait_for_recovery()
            for server in self.servers:
                server.kill()
                server.binary = self.old_binary
                with self.assertRaisesRegex(RuntimeError, "use the newer program"):
                    server.start()
                server.binary = blackbox.BINARY
                server.start()
            clients.wait_for_recovery()
        self.audit(clients)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="itemgate-upgrade-") as built:
        Upgrade.old_binary = build(sys.argv.pop(), Path(built))
        unittest.main(exit=False)
