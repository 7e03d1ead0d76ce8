"""Starts PostgreSQL servers, and standbys of them: a new cluster in a folder each, on a free port of loopback.

A server is ended by its process id, and ends with the thread that started it if the test crashes.
"""

import contextlib
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
    whoever can reach that. `environment` is added to that of the server itself.
    """

    process = None

    def __init__(self, *settings, folder=None, host="127.0.0.1", durable=False, initdb_arguments=(),
                 environment=None):
        self.settings, self._initdb_arguments = settings, initdb_arguments
        self._environment = environment or {}
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
        try:
            self._make_data()
            self.start()
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder)

    def _make_data(self):
        self._make([PROGRAMS / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "postgres", "--no-sync",
                    "-E", "UTF8", "--locale=C.UTF-8", *self._initdb_arguments])
        with open(self.folder / "data" / "pg_hba.conf", "a", encoding="ascii") as rules:
            rules.write("host all all all trust\n")

    def _make(self, command):
        made = subprocess.run(as_database_user(command), capture_output=True, text=True, cwd="/")
        if made.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{made.stderr}")

    def _prepare(self):
        self.query("CREATE DATABASE items", database="postgres")

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
            if self.process is None or self.process.poll() is not None:
                # For the first time, or because processes of the one before still held its memory.
                self.process = subprocess.Popen(as_database_user(command), stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL, cwd="/",
                                                env=os.environ | self._environment)
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
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.resume()
        self.process.wait()

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def configure(self, name, value):
        """Changes a setting, and waits until it is so for new sessions."""
        self.query(f"ALTER SYSTEM SET {name} = {value}")
        self.query("SELECT pg_reload_conf()")  # not in the same transaction
        wait_until(lambda: self.query(f"SHOW {name}") == [value.strip("'")], f"{name} is {value}")

    def query(self, sql, database="items"):
        """Runs SQL; gives what psql prints, row by row."""
        done = subprocess.run(
            [PROGRAMS / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
             f"postgres://postgres@127.0.0.1:{self.port}/{database}", "-c", sql],
            check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    @contextlib.contextmanager
    def held(self, statements="SELECT 'held' FROM itemgate.store FOR UPDATE"):
        """Meanwhile nobody gets the locks that these statements have taken, which end with a SELECT 'held'; those that
        are not told otherwise keep everybody from making items."""
        psql = subprocess.Popen([PROGRAMS / "psql", "-X", "-q", "-A", "-t", self.url], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with psql:
            psql.stdin.write(f"BEGIN; {statements};\n")
            psql.stdin.flush()
            told = psql.stdout.readline()
            assert told == "held\n", told
            yield
            psql.communicate("COMMIT;\n")

    def waiting(self):
        """How many wait for a lock."""
        return int(*self.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


class Standby(Postgres):
    """A standby that streams from a running primary. A context manager.

    `synchronous`: from then on each commit of the primary waits for it.
    """

    def __init__(self, primary, *settings, synchronous=False, **options):
        super().__init__(*settings, **options)
        self.primary, self._synchronous = primary, synchronous

    def _make_data(self):
        self._make([PROGRAMS / "pg_basebackup", "-D", self.folder / "data", "-h", "127.0.0.1", "-p", self.primary.port,
                    "-U", "postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"])

    def _prepare(self):
        if self._synchronous:
            self.primary.configure("synchronous_standby_names", "'*'")
        expected = "sync" if self._synchronous else "async"
        wait_until(lambda: self.primary.query("SELECT state, sync_state FROM pg_stat_replication")
                   == [f"streaming|{expected}"], "the standby follows")

    def wait_until_level(self):
        """Until it has all that the primary has committed by now."""
        position = self.primary.query("SELECT pg_current_wal_insert_lsn()")[0]
        wait_until(lambda: self.query(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") == ["t"], "it is level")

    def hold_up(self):
        """From now on it gets nothing: the process of the primary that sends to it stands still."""
        os.kill(int(self.primary.query("SELECT pid FROM pg_stat_replication")[0]), signal.SIGSTOP)

    def promote(self, may_lack_commits):
        """What docs/postgres.md tells an operator to do once the primary is surely off."""
        if may_lack_commits:
            self.configure("default_transaction_read_only", "on")
        self.query("SELECT pg_promote(wait_seconds => 60)")
        if may_lack_commits:
            self.query("BEGIN READ WRITE; UPDATE itemgate.store SET generation = generation + 1; COMMIT")
            self.configure("default_transaction_read_only", "off")
