"""tools/lab: a whole cluster comes up with one command, works, and leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from blackbox import BINARY, TIMEOUT_SECONDS, StoreTest
from http_connection import Connection
from serving import address_of, wait_until

LAB = Path(__file__).resolve().parent.parent / "tools" / "lab"


def lab(*arguments):
    return subprocess.run([sys.executable, LAB, *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT_SECONDS)


def runs(process_id):
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_of(folder):
    """Ids of all processes that have the folder in their command."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
        except OSError:
            pass  # it has ended
    return found


class Lab(StoreTest):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o711)  # PostgreSQL is run by another user
        self.place = self.folder / "lab"

    def up(self):
        started = lab("up", "--detach", "--dir", self.place, "--binary", BINARY, "--servers", 2, "--redis", 1, "--",
                      "--log.requests", "all")
        self.assertEqual(started.returncode, 0, started)
        self.state = json.loads((self.place / "lab.json").read_text())
        self.addCleanup(lab, "down", self.place)
        for url in (self.state["nginx"], *self.state["servers"], self.state["store"], *self.state["redis"]):
            self.assertIn(url, started.stdout)

    def test_comes_up_serves_and_is_taken_down(self):
        self.up()
        with Connection(address_of(self.state["nginx"].removeprefix("http://"))) as connection:
            answers = [connection.request("POST", "/v1/items", b"hello") for _ in range(4)]
        self.assertEqual([answer.outcome for answer in answers], ["created"] + 3 * ["duplicate"])
        logs = list(self.place.glob("server-*/server-1.log"))
        self.assertEqual(len(logs), 2)
        wait_until(lambda: all("POST" in path.read_text() for path in logs), "nginx has asked both, in turn")
        refused = lab("up", "--dir", self.place, "--binary", BINARY)
        self.assertIn("is not empty", refused.stderr)

        ended = lab("down", self.place)
        self.assertEqual(ended.returncode, 0, ended)
        self.assertEqual([number for number in self.state["pids"].values() if runs(number)], [])
        self.assertEqual(processes_of(self.place), [])
        self.assertIn("ended already", lab("down", self.place).stdout)

    def test_its_death_is_that_of_all_it_started(self):
        self.up()
        os.kill(self.state["pid"], signal.SIGKILL)
        wait_until(lambda: not processes_of(self.place) and not any(map(runs, self.state["pids"].values())),
                   "all have ended")

    def test_a_failure_half_way_leaves_nothing_behind(self):
        failed = lab("up", "--dir", self.place, "--binary", BINARY, "--", "--no-such-flag")
        self.assertEqual(failed.returncode, 1, failed)
        self.assertIn("--no-such-flag", failed.stderr)
        self.assertEqual(processes_of(self.place), [])

    def test_says_what_is_missing(self):
        self.assertIn("make build", lab("up", "--binary", self.place / "nowhere").stderr)
        without = subprocess.run([sys.executable, LAB, "up", "--binary", BINARY], capture_output=True, text=True,
                                 timeout=TIMEOUT_SECONDS, env=os.environ | {"PATH": str(self.folder)})
        self.assertIn("apt-get install nginx-light redis-server", without.stderr)


if __name__ == "__main__":
    unittest.main()
