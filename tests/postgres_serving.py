"""Starts PostgreSQL servers: a new cluster in a folder each, on a free port of loopback.

A server is ended by its process id, and ends with the thread that started it if the test crashes.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from processes import free_port, tail
from serving import wait_until

PROGRAMS = Path("/usr/lib/postgresql/15/bin")  # where Debian has them


def as_database_user(command):
    """PostgreSQL refuses to be run by root."""
    around = ["setsid", "setpriv", "--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        around += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return around + [str(part) for part in command]


class Postgres:
    """A PostgreSQL server with an empty database "items". A context manager.

    Its data and log are in `folder`, else in a temporary one. It listens on `host` (0.0.0.0: everywhere), and lets in
    whoever can reach that.
    """

    def __init__(self, *settings, folder=None, host="127.0.0.1", durable=False):
        self.settings = settings
        if not durable:
            self.settings += ("fsync=off",)  # tests kill processes, not the machine
        self.folder, self.host = folder, host
        self._temporary = folder is None

    def __enter__(self):
        if self._temporary:
            self.folder = Path(tempfile.mkdtemp(prefix="itemgate-postgres-"))
        self.folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.port = free_port()
        made = subprocess.run(
            as_database_user([PROGRAMS / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "postgres",
                              "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]),
            capture_output=True, text=True, cwd="/")
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stderr}")
        with open(self.folder / "data" / "pg_hba.conf", "a", encoding="ascii") as rules:
            rules.write("host all all all trust\n")
        try:
            self.start()
            self.query("CREATE DATABASE items", database="postgres")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder)

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/items"

    @property
    def log(self):
        return tail(self.log_path, characters=1 << 30)

    @property
    def log_path(self):
        return self.folder / "server.log"

    def start(self):
        """Starts the server, and waits until it answers."""
        command = [PROGRAMS / "postgres", "-D", self.folder / "data", "-p", self.port,
                   "-c", f"listen_addresses={self.host}", "-c", "unix_socket_directories="]
        for setting in self.settings:
            command += ["-c", setting]
        log = open(self.log_path, "ab")

        def answers():
            if not hasattr(self, "process") or self.process.poll() is not None:
                # For the first time, or because processes of the one before still held its memory.
                self.process = subprocess.Popen(as_database_user(command), stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL, cwd="/")
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

    def stop(self):
        """An immediate stop, as after a power failure; gives its shared memory back. Also of one that is paused."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.resume()
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
