"""Tables of every earlier version, with items and claims in them, brought up to date by `itemgate migrate`.

The tables are made by the scripts of their time, and filled and used by the statements of the servers of their time.
upgrade_by_hand.py does the same with a real old server.
"""

import contextlib
import hashlib
import json
import re
import subprocess
import threading
import unittest
from pathlib import Path

import blackbox
from backend_server import Backend
from blackbox import OK, STORE, run
from postgres_serving import PROGRAMS, Postgres
from serving import Server, ServerTest, wait_until

SOURCES = Path(__file__).resolve().parent.parent / "src/store/postgres"
SCRIPTS = dict(re.findall(r'string_view (\w+) = R"\((.*?)\)";', (SOURCES / "schema.cc").read_text(), re.DOTALL))
VERSION = int(re.search(r"kPostgresSchemaVersion = (\d+);", (SOURCES / "schema.h").read_text())[1])
FIRST = """
CREATE SCHEMA itemgate;
CREATE TABLE itemgate.migration (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"""
OLD_SERVER = 7


def sha256(content):
    return hashlib.sha256(content.encode()).hexdigest()


class Upgrade(ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.enterClassContext(Postgres())
        cls.databases = 0

    def make(self, version, partitions=0):
        """A new database with tables of that version."""
        type(self).databases += 1
        self.database = f"old_{self.databases}"
        self.url = self.postgres.url.replace("/items", f"/{self.database}")
        self.postgres.query(f"CREATE DATABASE {self.database}", database="postgres")
        first = SCRIPTS["kVersion1"].replace("ID_INDEX", "" if partitions else "UNIQUE")
        first = first.replace("PARTITIONING", "PARTITION BY HASH (digest)" if partitions else "")
        parts = [f"CREATE TABLE itemgate.item_{number} PARTITION OF itemgate.item"
                 f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number});" for number in range(partitions)]
        self.sql(FIRST, first, *parts, SCRIPTS["kClaims1"], "INSERT INTO itemgate.migration (version) VALUES (1)")
        for later in range(2, version + 1):
            self.sql(SCRIPTS[f"kVersion{later}"])
        self.sql(f"INSERT INTO itemgate.server (id, name) VALUES ({OLD_SERVER}, 'old')")

    def sql(self, *statements):
        return self.postgres.query("\n".join(statements), database=self.database)

    def version(self):
        return int(*self.sql("SELECT max(version) FROM itemgate.migration"))

    # As servers did from version 1 on, and do as long as they have not seen that the tables are newer.

    def insert(self, content, attempt):
        """The id; negative, if this made the item."""
        told = self.sql("SELECT ids[1] FROM itemgate.insert_items("
                        f"ARRAY['\\x{sha256(content)}'::bytea], ARRAY['default'], ARRAY[{len(content)}::bigint], "
                        f"ARRAY[''::bytea], ARRAY['{content}'::bytea], {attempt}, false, 1)")
        return int(*told)

    def claim(self, content, attempt):
        return self.sql("SELECT kind FROM itemgate.claim("
                        f"'\\x{sha256(content)}', 'default', {attempt}, {OLD_SERVER}, 1)")

    def park(self, content, attempt):
        return self.sql(f"SELECT kind FROM itemgate.park('\\x{sha256(content)}', 'default', {attempt}, 1, 1)")

    def confirm(self, content, attempt):
        return self.sql(f"SELECT kind, id FROM itemgate.confirm('\\x{sha256(content)}', 'default', {attempt}, 1, 1, "
                        f"{len(content)}, '', '{content}'::bytea)")

    def migrate(self):
        """How many versions it went."""
        done = run("migrate", "--store", self.url, "--json")
        self.assertEqual(done.status, OK, done)
        (told,) = done.json()
        self.assertEqual((told["to"], self.version()), (VERSION, VERSION))
        return told["to"] - told["from"]

    def test_items_and_claims_are_kept_and_old_servers_do_no_harm_meanwhile(self):
        for version in range(1, VERSION):
            for partitions in (0, 4):
                with self.subTest(version=version, partitions=partitions):
                    self.upgrade(version, partitions)

    def upgrade(self, version, partitions):
        self.make(version, partitions)
        items = {f"item {number}": number for number in range(1, 51)}
        for content, number in items.items():
            self.assertEqual(self.insert(content, attempt=1000 * number), -number)
        for attempt, content in enumerate(("parked", "held", "lost", "confirmed"), 100_000):
            self.assertEqual(self.claim(content, attempt), ["0"])
        self.assertEqual(self.park("parked", 100_000), ["3"])
        refused = run("serve", "--store", self.url, "--listen", "127.0.0.1:0", "--management.listen", "")
        self.assertEqual(refused.status, STORE, refused)
        self.assertIn("run itemgate migrate", refused.err)

        self.assertEqual(self.migrate(), VERSION - version)
        # An old server that has not noticed yet.
        self.assertEqual(self.insert("item 1", 200_000), 1)
        self.assertEqual(self.insert("after", 200_001), -51)
        self.assertEqual(self.confirm("confirmed", 100_003), ["1|52"])
        items |= {"after": 51, "confirmed": 52}

        with Backend() as backend:
            backend.add(b"held")
            folder = self.folder / self.database
            folder.mkdir()
            server = self.enterContext(Server(folder, "--store", self.url, "--backend.url", backend.url,
                                              "--backend.lease", "1s", "--server.name", "new"))
            for content, number in items.items():
                answer = server.save(content.encode())
                self.assertEqual((answer.status, answer.id), (200, number))
            for content in ("parked", "lost"):  # the old server may have sent it
                self.assertEqual(server.save(content.encode()).code, "parked")
            parked = run("parked", "list", "--store", self.url, "--json").json()
            self.assertEqual({row["sha256"]: row["by"] for row in parked},
                             {sha256("parked"): "old" if version >= 3 else "", sha256("lost"): "new"})
            for number, content in enumerate(("held", "new"), 53):
                answer = server.save(content.encode())
                self.assertEqual((answer.status, answer.id), (201, number))
                items[content] = number
            self.assertEqual(backend.all_effects(), {sha256("held"): 1, sha256("new"): 1})
            self.assertEqual(server.items(), {number: content.encode() for content, number in items.items()})
        verified = run("verify", "--store", self.url, "--json", "--quiet").json()[0]
        self.assertEqual((verified["items"], verified["problem_count"]), (54, 0))

    def test_old_servers_may_write_meanwhile(self):
        self.make(version=1)
        end, made = threading.Event(), []

        def write(thread):
            number = 0
            while not end.is_set():
                made.append(-self.insert(f"{thread} {number}", attempt=1 + 1000 * (10_000 * thread + number)))
                number += 1
        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(made) > 30, "they write")
        self.assertEqual(self.migrate(), VERSION - 1)
        until = len(made) + 30
        wait_until(lambda: len(made) > until, "they go on")
        end.set()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(made), list(range(1, len(made) + 1)))
        self.assertEqual(self.sql("SELECT count(*), max(id) FROM itemgate.item"), [f"{len(made)}|{len(made)}"])

    @contextlib.contextmanager
    def in_the_way(self):
        """Nobody can change the tables meanwhile."""
        psql = subprocess.Popen([PROGRAMS / "psql", "-X", "-q", "-A", "-t", self.url], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with psql:
            psql.stdin.write("BEGIN; LOCK TABLE itemgate.server IN ACCESS SHARE MODE; SELECT 'held';\n")
            psql.stdin.flush()
            self.assertEqual(psql.stdout.readline(), "held\n")
            yield
            psql.communicate("COMMIT;\n")

    def start_migrations(self, count):
        started = [subprocess.Popen([blackbox.BINARY, "migrate", "--store", self.url, "--json"], text=True,
                                    stdout=subprocess.PIPE, env=blackbox.environment()) for _ in range(count)]
        waiting = ("SELECT count(*) FROM pg_stat_activity"
                   " WHERE datname = current_database() AND wait_event_type = 'Lock'")
        wait_until(lambda: self.sql(waiting) == [str(count)], "they wait")
        return started

    def test_a_migration_that_is_killed_has_changed_nothing(self):
        self.make(version=1)
        with self.in_the_way():
            (killed,) = self.start_migrations(1)
            killed.kill()
            killed.communicate()
        columns = ("SELECT count(*) FROM information_schema.columns"
                   " WHERE table_schema = 'itemgate' AND column_name = 'cache_secret'")
        others = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                  " AND pid <> pg_backend_pid()")
        wait_until(lambda: self.sql(others) == ["0"], "its transaction has ended")
        self.assertEqual((self.version(), self.sql(columns)), (1, ["0"]))
        self.assertEqual(self.insert("goes on", 1000), -1)
        self.assertEqual(self.migrate(), VERSION - 1)
        self.assertEqual(self.migrate(), 0)

    def test_of_two_migrations_at_once_one_does_it(self):
        self.make(version=1)
        with self.in_the_way():
            started = self.start_migrations(2)
        told = [json.loads(one.communicate()[0]) for one in started]
        self.assertEqual([one.returncode for one in started], [OK, OK])
        self.assertEqual(sorted(one["from"] for one in told), [1, VERSION])


if __name__ == "__main__":
    unittest.main()
