"""Starts PostgreSQL servers for tests: a new cluster in a temporary folder each, on a free port of loopback.

A server is ended by its process id, and ends with the thread that started it if the test crashes.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from serving import wait_until

PROGRAMS = Path("/usr/lib/postgresql/15/bin")  # where Debian has them


def as_database_user(command):
    """PostgreSQL refuses to be run by root."""
    around = ["setpriv", "--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        around += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return around + [str(part) for part in command]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A PostgreSQL server with an empty database "items". A context manager."""

    def __init__(self, *settings):
        self.settings = settings

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="itemgate-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.port = free_port()
        subprocess.run(as_database_user([PROGRAMS / "initdb", "-D", self.folder / "data", "-A", "trust", "-U",
                                         "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]),
                       check=True, capture_output=True)
        self.start()
        self.query("CREATE DATABASE items", database="postgres")
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder)

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/items"

    def start(self):
        """Starts the server, and waits until it answers."""
        command = [PROGRAMS / "postgres", "-D", self.folder / "data", "-p", self.port,
                   "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
                   "-c", "fsync=off"]  # tests kill processes, not the machine
        for setting in self.settings:
            command += ["-c", setting]
        log = open(self.folder / "server.log", "ab")

        def answers():
            if not hasattr(self, "process") or self.process.poll() is not None:
                # For the first time, or because processes of the one before still held its memory.
                self.process = subprocess.Popen(as_database_user(command), stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL)
            probe = subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            return probe.returncode == 0

        with log:
            wait_until(answers, "the database is ready")

    def children(self):
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in text.split()]

    def signal_all(self, number):
        for process in [self.process.pid, *self.children()]:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass  # a child that has ended

    def kill(self):
        """SIGKILL to all of its processes."""
        if self.process.poll() is None:
            self.signal_all(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def query(self, sql, database="items"):
        """Runs SQL; gives what psql prints, row by row."""
        done = subprocess.run(
            [PROGRAMS / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
             f"postgres://postgres@127.0.0.1:{self.port}/{database}", "-c", sql],
            check=True, capture_output=True, text=True)
        return done.stdout.splitlines()
