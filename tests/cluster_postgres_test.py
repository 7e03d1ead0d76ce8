"""Three servers and a database that fails in every way: nothing acknowledged is lost, nothing is saved twice, and all
goes on by itself when the database does."""

import collections
import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from backend_server import Backend
from cluster_clients import BREAKS, RECOVERY_SECONDS, ClusterTest
from cutting_proxy import CuttingProxy
from delaying_proxy import DelayingProxy
from http_connection import request_bytes
from serving import wait_until

CONNECTIONS_MAX = 30


class DatabaseFails(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0")
    OPTIONS = {"redis": 0, "postgres_settings": (f"max_connections={CONNECTIONS_MAX}",)}

    def backends(self):
        rows = self.postgres.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                                   " AND pid <> pg_backend_pid()")
        return [int(row) for row in rows]

    def test_a_killed_backend_takes_all_connections_down_and_no_item(self):
        with self.clients(*BREAKS) as clients:
            clients.wait_for_saved()
            os.kill(self.backends()[0], signal.SIGKILL)  # PostgreSQL then ends all the others, too
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_feed_leaves_nothing_out_when_a_backend_is_killed(self):
        feed, *others = self.servers
        begin = self.rows()
        with self.clients(*BREAKS, servers=others) as clients, contextlib.closing(self.follow(feed, begin)) as told:
            ids = [next(told) for _ in range(100)]
            for _ in range(2):
                os.kill(self.backends()[0], signal.SIGKILL)
                clients.wait_for_recovery()
                ids += [next(told) for _ in range(200)]
            self.assertEqual(ids, list(range(begin + 1, begin + 501)))
        self.audit(clients)

    @staticmethod
    def follow(server, after):
        """The ids behind `after`, as that server's feed tells them; where it breaks off it is asked again."""
        while True:
            try:
                with server.connect() as connection:
                    connection.send(request_bytes("GET", f"/v1/feed?after={after}&content=false"))
                    head = connection.head()
                    for event in connection.events(head) if head.status == 200 else ():
                        after = int(event["id"])
                        yield after
            except OSError:
                pass

    def test_a_killed_database_is_refused_for_and_waited_for(self):
        with self.clients(*BREAKS) as clients:
            clients.wait_for_saved()
            self.postgres.kill()
            clients.wait_for("refused", 50)
            for server in self.servers:
                wait_until(lambda one=server: one.manage("GET", "/readyz").status == 503, "it is not ready")
            self.postgres.start()
            clients.wait_for_recovery()
            self.wait_until_ready()
        self.audit(clients)

    def test_an_immediate_stop_loses_nothing(self):
        with self.clients(*BREAKS) as clients:
            for _ in range(3):
                clients.wait_for_saved()
                self.postgres.stop()
                self.postgres.start()
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_database_that_stands_still_is_waited_for(self):
        with self.clients(*BREAKS, deadline=5) as clients:
            clients.wait_for_saved()
            self.postgres.pause()
            clients.wait_for("unknown")
            self.postgres.resume()
            clients.wait_for_recovery()
        self.audit(clients)

    def test_what_the_servers_count_is_what_their_clients_were_told(self):
        before, rows = self.saves(), self.rows()
        with self.clients("refused", "unknown", deadline=RECOVERY_SECONDS) as clients:
            clients.wait_for_saved()
            self.postgres.kill()
            clients.wait_for("refused", 50)
            self.postgres.start()
            clients.wait_for_recovery()
        counted, told = self.saves() - before, clients.answers
        self.assertEqual(counted["created"], told["created"])
        self.assertEqual(counted["duplicate"], told["duplicate"] + told["joined"])
        self.assertEqual(counted["refused"], told["refused"] + told["unknown"])
        self.assertEqual(counted.total(), told.total())
        self.assertLessEqual(self.rows() - rows - counted["created"], told["unknown"], "nobody was told of an item")
        self.audit(clients)

    def saves(self):
        """What all servers together have counted so far, by outcome."""
        counts = collections.Counter()
        for server in self.servers:
            told = server.manage("GET", "/metrics").body.decode()
            for outcome, count in re.findall(r'^itemgate_saves_total{outcome="(\w+)"} (\d+)$', told, re.MULTILINE):
                counts[outcome] += int(count)
        return counts

    def rows(self):
        return int(self.postgres.query("SELECT count(*) FROM itemgate.item")[0])

    def test_without_a_free_connection_it_is_refused_and_not_hammered(self):
        held = []
        self.addCleanup(lambda: [one.close() for one in held])
        with self.clients(*BREAKS) as clients:
            clients.wait_for_saved()
            for backend in self.backends():
                os.kill(backend, signal.SIGTERM)
            while len(held) < CONNECTIONS_MAX + 30:  # more than there are: they queue at the socket as all others do
                held.append(self.occupy())
            clients.wait_for("refused", 50)
            before, started = self.postgres.log.count("too many clients"), time.monotonic()
            wait_until(lambda: time.monotonic() - started > 2, "a while has passed")
            attempts = self.postgres.log.count("too many clients") - before
            self.assertLessEqual(attempts / (time.monotonic() - started) / len(self.servers), 2)
            for one in held:
                one.close()
            clients.wait_for_recovery()
        self.audit(clients)

    def occupy(self):
        """A connection to the database, by hand."""
        one = socket.create_connection(("127.0.0.1", self.postgres.port))
        words = b"user\0postgres\0database\0postgres\0\0"
        one.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
        return one


class AnswersAreLost(ClusterTest):
    """Connections that break in the middle of a commit."""

    FLAGS = ("--postgres.timeout", "2s")
    OPTIONS = {"redis": 0, "servers": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = cls.enterClassContext(CuttingProxy(("127.0.0.1", cls.postgres.port)))
        through = cls.postgres.url.replace(str(cls.postgres.port), str(cls.proxy.port))
        cls.unlucky = cls.cluster.add_server(store=through)

    def test_a_commit_whose_answer_was_lost_is_found_out(self):
        for how in ("before", "after"):
            for number in range(5):
                content = f"{how} {number}"
                self.proxy.cut(content, how)
                answer = self.save(self.unlucky, content)
                self.assertEqual((answer.status, answer.outcome), (201, "created"), answer)
                again = self.save(self.servers[0], content)
                self.assertEqual((again.status, again.id), (200, answer.id))
        self.assertEqual(self.proxy.cuts, 10)
        self.audit()

    def test_what_nobody_can_know_is_said_to_be_unknown(self):
        self.proxy.cut("unseen", "silent")
        started = time.monotonic()
        answer = self.save(self.unlucky, "unseen")
        self.assertEqual((answer.status, answer.code), (502, "save-unknown"), answer)
        self.assertLess(time.monotonic() - started, 6)
        self.assertEqual(self.postgres.query("SELECT count(*) FROM itemgate.item WHERE content = 'unseen'"), ["1"])
        again = self.save(self.servers[0], "unseen")
        self.assertEqual((again.status, again.outcome), (200, "duplicate"))
        self.proxy.heal()
        wait_until(lambda: self.save(self.unlucky, "unseen").status == 200, "it recovers")
        self.assertEqual(self.save(self.unlucky, "and goes on").status, 201)
        self.audit()

    def test_cuts_among_many_callers(self):
        with self.clients(servers=[*self.servers, self.unlucky]) as clients:
            for how in ("after", "before", "after"):
                clients.wait_for_saved(50)
                before = self.proxy.cuts
                self.proxy.cut("test_cuts", how)
                wait_until(lambda was=before: self.proxy.cuts > was, "it was cut")
            clients.wait_for_recovery()
        self.audit(clients)


class DatabaseIsFar(ClusterTest):
    """What a server sends to its database, counted by the time that it takes."""

    FLAGS = ("--postgres.timeout", "10s")
    OPTIONS = {"redis": 0, "servers": 1}
    ONE_WAY_SECONDS = 0.2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = cls.enterClassContext(DelayingProxy(cls.postgres.port))
        cls.store = cls.postgres.url.replace(str(cls.postgres.port), str(cls.proxy.port))

    def trips(self, server, content, status):
        """Round trips until it is answered."""
        started = time.monotonic()
        self.assertEqual(self.save(server, content).status, status)
        return int((time.monotonic() - started) / (2 * self.ONE_WAY_SECONDS))

    def delay(self, server):
        self.addCleanup(setattr, self.proxy, "delay", 0)
        self.save(server, f"{self.id()} connects")
        self.proxy.delay = self.ONE_WAY_SECONDS

    def test_a_save_is_one_round_trip_and_a_duplicate_at_most_one(self):
        far = self.cluster.add_server(store=self.store)
        self.save(self.servers[0], "of another server")
        self.delay(far)
        self.assertEqual(self.trips(far, "new", 201), 1)
        self.assertEqual(self.trips(far, "of another server", 200), 1)
        self.assertEqual(self.trips(far, "new", 200), 0)
        self.assertEqual(self.trips(far, "of another server", 200), 0)
        with self.clients(servers=[far, *self.servers], deadline=10) as clients:
            clients.wait_for_saved()
            self.proxy.delay = 0
            clients.wait_for_recovery()
        self.audit(clients)

    def test_a_save_with_a_backend_is_two(self):
        with Backend() as backend:
            far = self.cluster.add_server("--backend.url", backend.url, "--redlock.wait", "10ms", store=self.store)
            self.delay(far)
            self.assertEqual(self.trips(far, "for the backend", 201), 2)  # to claim, and to confirm
            self.assertEqual(self.trips(far, "for the backend", 200), 0)
            self.assertEqual(backend.effects(b"for the backend"), 1)
        self.audit()


class SmallDisk:
    """A file system of its own. A context manager."""

    def __init__(self, megabytes):
        self._megabytes = megabytes

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="itemgate-disk-"))
        options = f"size={self._megabytes}m,mode=777"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path], capture_output=True,
                                 text=True)
        if mounted.returncode != 0:
            os.rmdir(self.path)
            raise RuntimeError(f"this test mounts a small disk, and so takes root: {mounted.stderr}")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.path], check=True)
        os.rmdir(self.path)

    def fill(self):
        with open(self.path / "ballast", "wb") as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
                    ballast.flush()
            except OSError:
                pass  # full

    def make_room(self):
        (self.path / "ballast").unlink()


class DiskIsFull(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s")
    OPTIONS = {"redis": 0}

    def test_nothing_is_acknowledged_and_it_goes_on_when_there_is_room(self):
        disk = self.enterContext(SmallDisk(megabytes=8))
        (disk.path / "items").mkdir()
        shutil.chown(disk.path / "items", "postgres", "postgres")
        for statement in (f"CREATE TABLESPACE small LOCATION '{disk.path}/items'",
                          "ALTER TABLE itemgate.item SET TABLESPACE small"):
            self.postgres.query(statement)

        with self.clients("full", "refused") as clients:
            clients.wait_for_saved()
            known = next(iter(self.ledger.ids))
            self.assertEqual(self.servers[0].save(known.encode()).status, 200, "it remembers that")
            disk.fill()
            clients.wait_for("full", 20)
            self.assertEqual(self.servers[0].save(known.encode()).status, 200, "duplicates go on")
            disk.make_room()
            seconds = clients.wait_for_recovery()
            self.assertLess(seconds, 10)
        self.audit(clients)


class DiskOfTheLogIsFull(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s")

    @classmethod
    def setUpClass(cls):
        cls.disk = cls.enterClassContext(SmallDisk(megabytes=48))
        # Small segments: a new one is wanted soon.
        cls.OPTIONS = {"redis": 0, "initdb_arguments": ("--wal-segsize=1", f"--waldir={cls.disk.path}/wal")}
        super().setUpClass()

    def test_the_database_stops_itself_and_goes_on_when_there_is_room(self):
        self.save(self.servers[0], "known")
        with self.clients("full", *BREAKS) as clients:
            clients.wait_for_saved()
            self.disk.fill()
            wait_until(self.is_noticed, "the database notices")
            clients.wait_for("refused", 20)
            self.assertEqual(self.save(self.servers[0], "known").status, 200)
            self.disk.make_room()
            wait_until(self.is_back, "the database is back")
            seconds = clients.wait_for_recovery()
            self.wait_until_ready()
        self.audit(clients)
        self.assertLess(seconds, 10)

    def is_back(self):
        """Whether it answers; if it has stopped itself, which may take it a while, it is started, as systemd does."""
        if self.postgres.process.poll() is not None:
            self.postgres.start()
        try:
            return self.postgres.query("SELECT 1")
        except subprocess.CalledProcessError:
            return None

    def is_noticed(self):
        """Has the log go on with another segment."""
        try:
            self.postgres.query("SELECT pg_logical_emit_message(true, '', 'so that this one is not empty')")
            self.postgres.query("SELECT pg_switch_wal()")
        except subprocess.CalledProcessError:
            pass  # it stops
        return "No space left on device" in self.postgres.log


class WayIsBad(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s")
    OPTIONS = {"redis": 0, "servers": 1}

    def test_behind_a_host_that_takes_connections_and_never_answers_the_next_one_is_reached(self):
        silent = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        both = self.postgres.url.replace("@", f"@127.0.0.1:{silent.getsockname()[1]},")
        saved = self.save(self.cluster.add_server(store=both), "to the second host")
        self.assertEqual(saved.status, 201, saved)
        self.audit()

    def test_large_contents_get_the_time_that_their_way_takes(self):
        proxy = self.enterContext(DelayingProxy(self.postgres.port))
        store = self.postgres.url.replace(str(self.postgres.port), str(proxy.port))
        server = self.cluster.add_server(store=store)
        self.save(server, "connects")
        proxy.bytes_per_second = 2 << 20  # so it takes two seconds, and each try had one
        saved = self.save(server, "." * (4 << 20))
        self.assertEqual(saved.status, 201, saved)
        proxy.bytes_per_second = None
        self.audit()


if __name__ == "__main__":
    unittest.main()
