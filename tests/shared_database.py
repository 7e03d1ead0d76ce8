"""Servers that share a PostgreSQL database, for the tests of it."""

import tempfile
from pathlib import Path

from blackbox import OK, run
from postgres_serving import Postgres
from serving import Server, ServerTest


class SharedDatabase(ServerTest):
    """Each test has a PostgreSQL server of its own, prepared for Itemgate."""

    def setUp(self):
        super().setUp()
        self.postgres = self.enterContext(Postgres())
        self.assertEqual(run("migrate", "--store", self.postgres.url).status, OK)

    def serve_shared(self, *flags):
        """One more server on the database, in a folder of its own."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return self.enterContext(Server(folder, "--store", self.postgres.url, *flags))

    def audit(self, contents):
        """Asks the database itself: each content once, the ids dense."""
        rows = self.postgres.query("SELECT id, convert_from(content, 'UTF8') FROM itemgate.item ORDER BY id")
        saved = [row.split("|", 1) for row in rows]
        self.assertEqual([int(id) for id, _ in saved], list(range(1, len(saved) + 1)))
        self.assertEqual(sorted(content for _, content in saved), sorted(contents))
        return {content: int(id) for id, content in saved}
