#!/usr/bin/env python3
"""A mixed fleet: locks that node-redlock and ioredis hold are honoured by `itemgate lock`, and the other way round."""

import functools
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from blackbox import BUSY, OK, run, start
from redis_servers import Redis

CLIENT = Path(__file__).resolve().parent / "clients" / "redlock"


@functools.cache
def why_no_npm():
    if not shutil.which("npm"):
        return "npm is not installed"
    reached = subprocess.run(["npm", "ping"], capture_output=True, timeout=60, check=False).returncode == 0
    return None if reached else "the npm registry cannot be reached"


class MixedFleetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why_no_npm():
            raise unittest.SkipTest(why_no_npm())
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-redlock-"))
        for file in ("package.json", "package-lock.json", "redlock.mjs"):
            shutil.copy(CLIENT / file, cls.folder)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=cls.folder,
                       check=True, timeout=120)

    def setUp(self):
        self.servers = [self.enterContext(Redis()) for _ in range(3)]
        self.redis = [word for server in self.servers for word in ("--redis", server.address)]

    def node(self, mode):
        process = subprocess.Popen(["node", "redlock.mjs", mode, "shared", *(str(s.port) for s in self.servers)],
                                   cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, process.stdout.readline().strip()

    def ours(self):
        return run("lock", "shared", *self.redis, "--no-wait", "--", "true").status

    def test_theirs_is_honoured(self):
        for mode in ("redlock", "ioredis"):
            for server in self.servers:
                server.command("FLUSHALL")
            process, said = self.node(mode)
            self.assertEqual(said, "acquired")
            before = [server.command("GET", "redlock:shared") for server in self.servers]
            self.assertEqual(self.ours(), BUSY)
            self.assertEqual([server.command("GET", "redlock:shared") for server in self.servers], before)
            process.communicate(timeout=60)
        for server in self.servers:
            server.command("DEL", "redlock:shared")

    def test_what_they_released_is_free(self):
        process, said = self.node("redlock")
        self.assertEqual(said, "acquired")
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.ours(), OK)

    def test_ours_is_honoured(self):
        holder = start("lock", "shared", *self.redis, "--", "sh", "-c", "echo running; cat")
        self.addCleanup(holder.communicate)
        self.assertEqual(holder.stdout.readline(), b"running\n")
        for mode in ("redlock", "ioredis"):
            process, said = self.node(mode)
            self.assertEqual(said, "refused")
            process.communicate(timeout=60)
        holder.communicate(timeout=60)
        process, said = self.node("redlock")
        self.assertEqual(said, "acquired")
        process.communicate(timeout=60)


if __name__ == "__main__":
    unittest.main()
