"""Redis servers for the tests: on the loopback, on free ports, without persistence, ended by their process ids."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from processes import die_with_parent, free_port, tail
from serving import wait_until

SECONDS_TO_START = 60


class Redis:
    """One server. Use it as a context manager; kill() and start() are a restart on the same port.

    Its data and log are in `folder`, else in a temporary one.
    """

    def __init__(self, *arguments, folder=None, host="127.0.0.1", environment=None):
        self.port = free_port()
        self.host = host
        self.address = f"{host}:{self.port}"
        self._arguments, self._environment = arguments, environment
        self.folder = folder
        self._callers = []

    def __enter__(self):
        self._temporary = None
        if self.folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="itemgate-redis-")
            self.folder = Path(self._temporary.name)
        self.folder.mkdir(exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        if self._temporary:
            self._temporary.cleanup()

    def start(self):
        self.log_path = self.folder / "redis.log"
        self.log_path.write_bytes(b"")
        command = ["redis-server", "--port", str(self.port), "--bind", self.host, "--protected-mode", "no",
                   "--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--dir", str(self.folder),
                   *self._arguments]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=os.environ | (self._environment or {}), preexec_fn=die_with_parent)
        end = time.monotonic() + SECONDS_TO_START
        while "Ready to accept connections" not in tail(self.log_path):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"redis-server does not start:\n{tail(self.log_path)}")
            time.sleep(0.01)

    def kill(self):
        """SIGKILL: all that it knew is gone."""
        self.process.kill()
        self.process.wait()
        for caller in self._callers:
            caller.wait()  # it has lost its connection

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stall(self, *words):
        """Sends a command that keeps it busy, and returns when it answers nobody any more."""
        self._callers.append(subprocess.Popen(
            ["redis-cli", "-p", str(self.port), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent))
        wait_until(lambda: not self._answers(), "it stalls")

    def _answers(self, seconds=0.2):
        with socket.create_connection((self.host, self.port)) as probe:
            probe.settimeout(seconds)
            probe.sendall(b"PING\r\n")
            try:
                return probe.recv(1) == b"+"  # an error comes from one that is busy with a script
            except TimeoutError:
                return False

    def command(self, *words):
        """The reply as redis-cli prints it."""
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], check=True,
                              capture_output=True, text=True, timeout=20).stdout.strip()
