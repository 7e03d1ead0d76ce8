#!/usr/bin/env python3
"""The clients that people use, each against the server: tests/clients/. Each script fails on any wrong answer."""

import subprocess
import unittest
from pathlib import Path

from serving import SharedServerTest

CLIENTS = Path(__file__).parent / "clients"


def registry_is_reachable():
    return subprocess.run(["npm", "ping"], capture_output=True, timeout=60, check=False).returncode == 0


class ClientsTest(SharedServerTest):
    FLAGS = ("--admission.delay-target", "0s")

    def run_script(self, *command):
        ended = subprocess.run([*map(str, command), self.server.url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=120, text=True, check=False)
        self.assertEqual(ended.returncode, 0, ended.stdout)
        print(ended.stdout)

    def test_curl(self):
        self.run_script(CLIENTS / "curl.sh")

    def test_wrk(self):
        self.run_script(CLIENTS / "wrk.sh")
        self.server.items()  # checks that no id is missing

    def test_fetch_of_node(self):
        self.run_script("node", CLIENTS / "fetch.mjs")

    def test_autocannon(self):
        if not registry_is_reachable():
            self.skipTest("the npm registry cannot be reached")
        self.run_script(CLIENTS / "autocannon.sh")

    def test_nginx_as_reverse_proxy(self):
        self.run_script(CLIENTS / "nginx.sh")


if __name__ == "__main__":
    unittest.main()
