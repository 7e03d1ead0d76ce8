#!/usr/bin/env python3
"""A backend that wants to know who asks, over TLS: another Itemgate behind nginx."""

import hashlib
import os
import re
import signal
import tempfile
import unittest
from pathlib import Path

from blackbox import INPUT_OUTPUT, NOT_FOUND, USAGE, run
from serving import Server, wait_until
from tls_proxy import SecureNginx, make_certificates

CHECK = 'if ($http_authorization != "Bearer s3cret") { return 401; }'


class SecureBackend(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        cls.certificates = cls.folder / "certificates"
        make_certificates(cls.certificates)
        (cls.folder / "backend").mkdir()
        cls.backend = cls.enterClassContext(Server(cls.folder / "backend"))
        cls.nginx = cls.enterClassContext(SecureNginx(cls.folder / "nginx", cls.certificates, cls.backend, CHECK))

    def serve(self, *flags, url=None):
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return self.enterContext(Server(folder, "--backend.url", url or self.nginx.url, *flags))

    def headers(self, text):
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "headers"
        path.write_text(text)
        return path

    @property
    def trusting(self):
        return "--backend.ca-file", self.certificates / "ca.crt"

    def there(self, content):
        """What the backend has of that content."""
        answer = self.backend.get("/v1/contents/sha256/" + hashlib.sha256(content).hexdigest())
        self.assertEqual(answer.status, 200)
        return answer

    def assert_refused(self, server, content, *reasons):
        """Nothing was saved, and the log says why."""
        answer = server.save(content)
        self.assertEqual((answer.status, answer.json()["code"]), (502, "save-failed"), answer)
        wait_until(lambda: "save-failed" in server.log, "it is logged")
        for reason in reasons:
            self.assertIn(reason, server.log)
        self.assertNotIn("s3cret", server.log)

    def test_items_reach_it_with_their_media_type(self):
        server = self.serve(*self.trusting, "--backend.headers-file", self.headers("Authorization: Bearer s3cret\n"))
        self.assertEqual(server.save(b"a,b\n", content_type="text/csv; header=absent").status, 201)
        self.assertEqual(server.save(b"a,b\n").status, 200)
        self.assertEqual(self.there(b"a,b\n").fields["content-type"], "text/csv; header=absent")
        self.assertNotIn("s3cret", server.get("/v1/config").body.decode())

    def test_a_large_content_is_sent_whole(self):
        server = self.serve(*self.trusting, "--backend.headers-file", self.headers("Authorization: Bearer s3cret"))
        content = os.urandom(12 << 20)
        self.assertEqual(server.save(content).status, 201, server.log)
        self.assertEqual(self.there(content).body, content)

    def test_headers_are_read_again_at_a_reload(self):
        headers = self.headers("Authorization: Bearer old\n")
        server = self.serve(*self.trusting, "--backend.headers-file", headers)
        self.assert_refused(server, b"rotated", "status 401", "backend.headers_file")

        headers.write_text("Authorization: Bearer s3cret\n")
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: " reloaded" in server.log, "it is reloaded")
        self.assertEqual(server.save(b"rotated").status, 201)

        headers.write_text("s3cret\n")
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: "reload_failed" in server.log, "that is refused")
        self.assertIn("line 1 is no header", server.log)
        self.assertNotIn("s3cret", server.log)
        self.assertIn("itemgate_config_last_reload_successful 0", server.manage("GET", "/metrics").body.decode())
        self.assertEqual(server.save(b"still").status, 201)

    def test_who_is_not_whom_we_trust_is_sent_nothing(self):
        self.assert_refused(self.serve(), b"no authority", "--backend.ca-file", "nothing was sent")
        self.assert_refused(self.serve(*self.trusting, "--backend.server-name", "other.example"), b"another name",
                            "the certificate is not for", "other.example", "--backend.server-name")
        self.assert_refused(self.serve(*self.trusting, url=f"https://127.0.0.1:{self.nginx.port}"), b"an address",
                            "the certificate is not for", "127.0.0.1", "--backend.server-name")
        self.assert_refused(self.serve(url="https://localhost:%d" % self.backend.address[1]), b"no TLS",
                            "there is no secure connection to the backend", "--backend.url")

    def test_the_name_may_be_given(self):
        server = self.serve(*self.trusting, "--backend.server-name", "localhost",
                            "--backend.headers-file", self.headers("Authorization: Bearer s3cret"),
                            url=f"https://127.0.0.1:{self.nginx.port}")
        self.assertEqual(server.save(b"by address").status, 201)

    def test_it_may_ask_for_a_certificate(self):
        self.assert_refused(self.serve(*self.trusting, url=self.nginx.mutual_url), b"without one", "status 400")
        ours = ("--backend.certificate-file", self.certificates / "client.crt",
                "--backend.key-file", self.certificates / "client.key")
        self.assertEqual(self.serve(*self.trusting, *ours, url=self.nginx.mutual_url).save(b"with one").status, 201)


class Mistakes(unittest.TestCase):
    """What is printed to those who start it wrongly: one line that names what is at fault."""

    def assert_names(self, flag, *flags, status=USAGE, says=""):
        refused = run("serve", "--listen", "127.0.0.1:0", "--management.listen", "", "--data", self.folder / "data",
                      *flags)
        self.assertEqual(refused.status, status, refused)
        self.assertRegex(refused.err.splitlines()[-1], rf"{re.escape(flag)}(\W|\Z)")
        self.assertIn(says, refused.err)
        self.assertNotIn("s3cret", refused.err)

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))

    def test_of_the_backend(self):
        bad = self.folder / "bad"
        bad.write_text("s3cret")
        secure = ("--backend.url", "https://localhost:1")
        for url in ("ftp://a", "http://", "http://a b", "http://me:s3cret@a", "https://a:0"):
            self.assert_names("--backend.url", "--backend.url", url)
        for flag in ("--backend.ca-file", "--backend.server-name", "--backend.certificate-file", "--backend.key-file"):
            self.assert_names(flag, "--backend.url", "http://localhost:1", flag, bad, says="https://")
        self.assert_names("--backend.ca-file", *secure, "--backend.ca-file", bad, says="must be PEM")
        self.assert_names("--backend.ca-file", *secure, "--backend.ca-file", "/nowhere", says="/nowhere")
        self.assert_names("--backend.certificate-file", *secure, "--backend.certificate-file", bad)
        self.assert_names("--backend.key-file", *secure, "--backend.key-file", bad)
        self.assert_names("--backend.server-name", *secure, "--backend.server-name", "a:443")
        self.assert_names("--backend.headers-file", *secure, "--backend.headers-file", bad, says="line 1 is no header")
        self.assert_names("--backend.headers-file", *secure, "--backend.headers-file", "/nowhere", status=NOT_FOUND)
        self.assert_names("--backend.headers-file", "--backend.headers-file", bad, says="backend.url")
        self.assert_names("--backend.simulated-delay", *secure, "--backend.simulated-delay", "1s")

    def test_of_redis_and_locks(self):
        redis = ("--redis", "127.0.0.1:1")
        shared = ("--store", "postgres://127.0.0.1:1/items", "--postgres.timeout", "1s")
        self.assert_names("--redis", *redis, says="database")
        self.assert_names("--lock", "--lock", "redlock", says="Redis servers")
        self.assert_names("--lock", *shared, "--lock", "redlock", says="Redis servers")
        self.assert_names("--lock", "--lock", "always", says="none|auto|redlock")
        self.assert_names("--redis", *shared, "--redis", "127.0.0.1:1,nonsense=s3cret")

    def test_of_the_store(self):
        self.assert_names("--store", "--store", "mysql://me:s3cret@db/items", says="postgres://")
        self.assert_names("--store", "--store", "postgres://me:s3cret@127.0.0.1:1/items", "--postgres.timeout", "1s",
                          status=7)
        (self.folder / "data").write_text("a file")
        self.assert_names("--data", status=INPUT_OUTPUT)


if __name__ == "__main__":
    unittest.main()
