"""Runs the built program as its users do: as processes with files, pipes and signals. What the black-box tests share.

The program is $ITEMGATE_BINARY, which ctest sets.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import NamedTuple

TIMEOUT_SECONDS = 120  # a hang is a failure, on however busy a machine

OK, SOME_ITEMS, USAGE, BUSY, STORE, NOT_FOUND, INPUT_OUTPUT, SERVER, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130


BINARY = os.path.abspath(os.environ.get("ITEMGATE_BINARY", ""))
if not (os.path.isfile(BINARY) and os.access(BINARY, os.X_OK)):
    sys.exit("Set ITEMGATE_BINARY to the built program, or run this through ctest.")


def environment():
    return {name: value for name, value in os.environ.items() if name not in ("ITEMGATE_DATA", "ITEMGATE_SERVER")}


class Ended(NamedTuple):
    """A process that has ended."""
    status: int
    out: bytes
    err: str

    def json(self):
        """What it printed, line by line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def errors(self):
        """With --json: the errors it told."""
        return [json.loads(line)["error"] for line in self.err.splitlines()]


def start(*arguments, **options):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([BINARY, *map(str, arguments)], env=environment(), **(pipes | options))


def run(*arguments, stdin=b"", **options):
    with start(*arguments, **options) as process:
        try:
            out, err = process.communicate(stdin, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Ended(process.returncode, out, err.decode(errors="replace"))


def content_of(exported):
    """The bytes of an item as export, list and get print it."""
    if "content_base64" in exported:
        return base64.b64decode(exported["content_base64"], validate=True)
    return exported["content"].encode()


class Acks:
    """Reads the acknowledgements of an import while it runs, on a thread of its own. Use it as a context manager."""

    def __init__(self, process):
        self._process = process
        self._changed = threading.Condition()
        self._lines = []
        self._ended = False
        self._thread = threading.Thread(target=self._read)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe and not pipe.closed:
                close(pipe)

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                if line.endswith(b"\n"):  # a line cut off by a kill acknowledges nothing
                    self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, count, timeout=TIMEOUT_SECONDS):
        """Waits for that many, or for the end of the process's output; tells whether they came."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self._lines) >= count or self._ended, timeout)
            if not enough:
                raise TimeoutError(f"{len(self._lines)} acknowledgements instead of {count}")
            return len(self._lines) >= count

    def wait_for_end(self):
        """Waits until the process has closed its output; gives all that was acknowledged."""
        self._thread.join(TIMEOUT_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError("the process goes on and on")
        return [json.loads(line) for line in self._lines]


def close(pipe):
    try:
        pipe.close()
    except BrokenPipeError:
        pass  # what the dead process did not read


class StoreTest(unittest.TestCase):
    """A test with a folder of its own, and in it a data directory that is not there yet."""

    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="itemgate-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.data = self.folder / "data"

    def itemgate(self, command, *arguments, status=OK, **options):
        """Runs a command on the store; it must end as expected."""
        ended = run(command, "--data", self.data, *arguments, **options)
        self.assertEqual(ended.status, status, f"{command} {arguments}: {ended.err}")
        return ended

    def write(self, name, content):
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def save(self, content, *arguments):
        """Saves one content; gives the answer."""
        return self.itemgate("save", "--json", *arguments, stdin=content).json()[0]

    def exported(self, after=0):
        """All items with greater ids, as {id: content}; their order and that no id is missing are checked."""
        items = self.itemgate("export", "--quiet", "--after", after).json()
        self.assertEqual([item["id"] for item in items], list(range(after + 1, after + len(items) + 1)))
        return {item["id"]: content_of(item) for item in items}

    def assert_clean(self):
        """Runs verify; gives the number of items."""
        report = self.itemgate("verify", "--json", "--quiet").json()[0]
        self.assertEqual((report["problem_count"], report["problems"]), (0, []))
        return report["items"]

    def log_segments(self):
        """The files of the item log, oldest first."""
        return sorted((self.data / "log").glob("*.log"))
