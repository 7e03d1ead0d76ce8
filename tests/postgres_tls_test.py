"""A database that is reached over TLS: whom the program believes, and what it says of others."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from backend_server import Backend
from blackbox import OK, SERVER, StoreTest, run
from postgres_serving import PROGRAMS, Postgres
from serving import Server, wait_until
from tls_proxy import make_certificates

RULES = """\
local all all trust
hostnossl all postgres all reject
hostssl all partner all trust clientcert=verify-ca
hostssl all all all trust
"""


class SecurePostgres(Postgres):
    """A PostgreSQL server that lets in nobody without TLS, and "partner" only with a certificate."""

    def __init__(self, certificates):
        self.certificates = certificates
        super().__init__("ssl=on", *(f"ssl_{kind}_file={certificates / name}" for kind, name in
                                     (("cert", "server.crt"), ("key", "server.key"), ("ca", "ca.crt"))))

    def _make_data(self):
        super()._make_data()
        (self.folder / "data" / "pg_hba.conf").write_text(RULES, encoding="ascii")


class DatabaseOverTls(StoreTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        cls.shared.chmod(0o711)  # PostgreSQL is run by another user
        for name in ("ours", "theirs"):
            make_certificates(cls.shared / name)
        cls.certificates = cls.shared / "presented"
        cls.certificates.mkdir()
        cls.present("ours")
        cls.postgres = cls.enterClassContext(SecurePostgres(cls.certificates))
        cls.postgres.query("CREATE ROLE partner LOGIN SUPERUSER")

    @classmethod
    def present(cls, name):
        """The database presents another's certificate, once its settings are read again."""
        for file in ("server.crt", "server.key", "ca.crt"):
            copy = cls.certificates / file
            shutil.copy(cls.shared / name / file, copy)
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, "postgres", "postgres")

    def url(self, host="localhost", user="postgres", authority="ours", more=""):
        return (f"postgres://{user}@{host}:{self.postgres.port}/items?sslmode=verify-full"
                f"&sslrootcert={self.shared / authority / 'ca.crt'}{more}")

    def migrate(self, **url):
        ended = run("migrate", "--store", self.url(**url))
        self.assertEqual(ended.status, OK, ended.err)

    def assert_refused(self, url, *says):
        """Every command ends at once, and says why in one line."""
        for command in (("migrate",), ("save", "content"), ("list",), ("serve", "--listen", "127.0.0.1:0")):
            ended = run(command[0], "--store", url, *command[1:])
            self.assertEqual((ended.status, ended.out), (SERVER, b""), ended)
            self.assertEqual(len(ended.err.splitlines()), 1, ended.err)
            for text in says:
                self.assertIn(text, ended.err)

    def test_every_connection_of_a_server_is_encrypted(self):
        self.migrate()
        backend = self.enterContext(Backend())
        server = self.enterContext(Server(self.folder, "--store", self.url(), "--backend.url", backend.url))
        saved = server.save(b"over TLS")
        self.assertEqual(saved.status, 201)
        self.assertEqual(run("save", "--store", self.url(), "over TLS").out, b"duplicate %d\n" % saved.id)
        sessions = ("SELECT s.ssl, count(*) > 1 FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)"
                    " WHERE a.application_name LIKE 'itemgate%' GROUP BY s.ssl")
        # Also the one that listens for notifications.
        wait_until(lambda: self.postgres.query(sessions) == ["t|t"], "there are several, and all are encrypted")

    def test_a_database_whose_authority_is_not_ours_is_refused(self):
        self.assert_refused(self.url(authority="theirs"), "certificate verify failed", "sslrootcert")

    def test_a_database_of_another_name_is_refused(self):
        self.assert_refused(self.url(host="127.0.0.1"), 'does not match host name "127.0.0.1"')

    def test_an_authority_that_is_not_there_is_said_to_be_missing(self):
        self.assert_refused(self.url(authority="nobody"), f'{self.shared / "nobody" / "ca.crt"}" does not exist')

    def test_a_database_that_takes_no_other_lets_nobody_in_without(self):
        plain = self.url().replace("verify-full", "disable")
        self.assert_refused(plain, "no encryption", "pg_hba.conf")

    def test_a_database_without_tls_is_refused(self):
        plain = self.enterContext(Postgres())
        url = self.url().replace(f":{self.postgres.port}/", f":{plain.port}/")
        self.assert_refused(url, "server does not support SSL")

    def test_who_has_a_certificate_proves_who_it_is(self):
        certificate = f"&sslcert={self.shared / 'ours' / 'client.crt'}&sslkey={self.shared / 'ours' / 'client.key'}"
        self.migrate(user="partner", more=certificate)
        self.assert_refused(self.url(user="partner"), "a valid client certificate")

    def test_a_server_whose_database_is_replaced_by_a_stranger_tells_it_nothing(self):
        self.migrate()
        server = self.enterContext(Server(self.folder, "--store", self.url(), "--postgres.timeout", "1s"))
        self.assertEqual(server.save(b"before").status, 201)
        self.addCleanup(self.replaced_by, "ours")
        self.replaced_by("theirs")
        wait_until(lambda: "certificate verify failed" in server.manage("GET", "/readyz").body.decode(), "it says so")
        self.assertEqual(server.save(b"secret").status, 503)
        self.assertEqual(server.save(b"before").status, 200)  # it remembers
        self.replaced_by("ours")
        wait_until(lambda: server.manage("GET", "/readyz").status == 200, "it goes on")
        self.assertEqual(server.save(b"secret").status, 201)

    def replaced_by(self, name):
        self.present(name)
        self.postgres.query("SELECT pg_reload_conf()")
        probe = [PROGRAMS / "psql", "-X", "-q", "-c", "", self.url(authority=name)]
        wait_until(lambda: subprocess.run(probe, capture_output=True).returncode == 0, "its certificate is presented")
        self.postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> 'psql'"
                            " AND backend_type = 'client backend'")


if __name__ == "__main__":
    unittest.main()
