"""The commands on a PostgreSQL database: they work there as on a directory, and say what is missing."""

import unittest

from blackbox import NOT_FOUND, OK, SERVER, STORE, USAGE, StoreTest, run
from postgres_serving import Postgres
from shared_database import SharedDatabase


class Commands(SharedDatabase):
    def test_migrating_twice_changes_nothing(self):
        again = run("migrate", "--store", self.postgres.url, "--json")
        self.assertEqual((again.status, again.json()), (OK, [{"from": 4, "to": 4}]))

    def test_partitions_of_tables_that_are_there_are_said_to_change_nothing(self):
        note = "the table of items was there already, so --partitions changed nothing"
        again = run("migrate", "--store", self.postgres.url, "--partitions", "16")
        self.assertEqual((again.status, again.err), (OK, f"itemgate: note: {note}\n"))
        again = run("migrate", "--store", self.postgres.url, "--partitions", "16", "--json")
        self.assertEqual(again.json(), [{"from": 4, "to": 4, "note": note}])

    def test_stats_names_the_database_without_its_password(self):
        url = self.postgres.url.replace("postgres@", "postgres:open-sesame@")
        self.assertEqual(run("stats", "--store", url, "--json").json()[0]["store"], self.postgres.url)
        shown = run("stats", "--store", url).out.decode()
        self.assertEqual(shown.splitlines()[0], f"store       {self.postgres.url}")

    def test_commands_work_on_the_database(self):
        for outcome in ("created", "duplicate"):
            saved = run("save", "--store", self.postgres.url, "--json", stdin=b"hello")
            self.assertEqual(saved.json()[0]["outcome"], outcome)
        verified = run("verify", "--store", self.postgres.url, "--json", "--quiet")
        self.assertEqual((verified.status, verified.json()[0]["items"]), (OK, 1))

    def test_tables_of_a_newer_program_are_refused(self):
        self.postgres.query("INSERT INTO itemgate.migration (version) VALUES (99)")
        for command in (("migrate",), ("serve", "--listen", "127.0.0.1:0", "--management.listen", "")):
            refused = run(*command, "--store", self.postgres.url)
            self.assertEqual(refused.status, STORE, refused)
            self.assertIn("newer", refused.err)

    def test_a_password_is_shown_nowhere(self):
        url = self.postgres.url.replace("postgres@", "postgres:open-sesame@")
        shown = run("config", "show", "--store", url)
        self.assertIn(self.postgres.url, shown.out.decode())
        server = self.serve("--store", url)
        seen = server.get("/v1/config").body.decode() + server.log + server.out_path.read_text()
        self.assertIn(self.postgres.url, seen)
        self.assertNotIn("open-sesame", seen + shown.out.decode() + shown.err)


class WithoutTables(StoreTest):
    def test_says_what_to_do(self):
        with Postgres() as postgres:
            refused = run("serve", "--store", postgres.url, "--listen", "127.0.0.1:0", "--management.listen", "")
            self.assertEqual(refused.status, NOT_FOUND, refused)
            self.assertIn("itemgate migrate --store URL", refused.err)
            absent = run("migrate", "--store", postgres.url.replace("/items", "/absent"))
            self.assertEqual(absent.status, SERVER, absent)
            self.assertIn("create the database first: createdb", absent.err)
        refused = run("save", "--store", postgres.url, stdin=b"hello")
        self.assertEqual(refused.status, SERVER, refused)
        self.assertIn("Connection refused", refused.err)
        self.assertEqual(run("migrate", "--store", "elsewhere").status, USAGE)


if __name__ == "__main__":
    unittest.main()
