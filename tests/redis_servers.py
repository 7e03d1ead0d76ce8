"""Redis servers for the tests: on the loopback, on free ports, without persistence, ended by their process ids."""

import ctypes
import signal
import socket
import subprocess
import tempfile


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


class Redis:
    """One server. Use it as a context manager."""

    def __init__(self, *arguments):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._arguments = arguments

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="itemgate-redis-")
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", self._folder.name, *self._arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return self
        raise AssertionError("redis-server does not start; tools/setup test installs it")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._folder.cleanup()

    def command(self, *words):
        """The reply as redis-cli prints it."""
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], check=True, capture_output=True,
                              text=True, timeout=20).stdout.strip()
