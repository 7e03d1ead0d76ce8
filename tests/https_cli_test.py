#!/usr/bin/env python3
"""The commands and the C++ client over https, through nginx: what works, and what is said where it must not."""

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from blackbox import OK, SERVER, TIMEOUT_SECONDS, USAGE, StoreTest, content_of, environment, run
from relay import Relay
from serving import Server
from tls_proxy import SecureNginx, make_certificates

EXAMPLE_CLIENT = os.environ.get("ITEMGATE_EXAMPLE_CLIENT", "")


class StrictServer:
    """Takes one connection, and refuses a client without a certificate. A context manager, of its URL."""

    def __init__(self, certificates):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        self._context.load_verify_locations(certificates / "ca.crt")
        self._context.verify_mode = ssl.CERT_REQUIRED

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT_SECONDS)
        self._thread = threading.Thread(target=self._refuse)
        self._thread.start()
        return "https://localhost:%d" % self._listener.getsockname()[1]

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _refuse(self):
        connection, _ = self._listener.accept()
        try:
            self._context.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            pass
        connection.close()


class HttpsTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        cls.certificates = folder / "certificates"
        make_certificates(cls.certificates)

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(Server(self.folder, data=self.folder / "served"))
        self.nginx = self.enterContext(SecureNginx(self.folder / "nginx", self.certificates, self.server))

    @property
    def trusting(self):
        return "--server-ca-file", self.certificates / "ca.crt"

    def on_server(self, command, *arguments, url=None, **options):
        """Runs a command that trusts our authority."""
        ended = run(command, "--server", url or self.nginx.url, *self.trusting, *arguments, **options)
        self.assertEqual(ended.status, OK, ended.err)
        return ended

    def assert_refused(self, url, *flags, says):
        """Nothing is saved, and it is said why."""
        ended = run("save", "--server", url, *flags, "refused")
        self.assertEqual((ended.status, ended.out), (SERVER, b""), ended.err)
        for text in says:
            self.assertIn(text, ended.err)
        self.assertEqual(len(ended.err.splitlines()), 1, ended.err)
        self.assertEqual(self.server.stats()["items"], 0)

    def test_items_are_saved_once_and_read_again(self):
        large = self.write("large", os.urandom(12 << 20))
        self.assertEqual(self.on_server("save", "a", "b").out, b"created 1\ncreated 2\n")
        self.assertEqual(self.on_server("save", "b").out, b"duplicate 2\n")
        self.assertEqual(self.on_server("save", "--file", large).out, b"created 3\n")
        self.assertEqual(self.on_server("get", 3).out, large.read_bytes())
        self.assertTrue(self.on_server("find", "b").out.startswith(b"2 "))
        lines = [b"line %d" % number for number in range(5000)]
        summary = self.on_server("import", "--json", "--senders", 8, "-", stdin=b"\n".join(lines * 2)).json()[0]
        self.assertEqual((summary["created"], summary["duplicates"]), (5000, 5000))
        feed = self.on_server("export", "--quiet", "--after", 3).json()
        self.assertEqual([item["id"] for item in feed], list(range(4, 5004)))
        self.assertEqual(sorted(map(content_of, feed)), sorted(lines))
        self.assertEqual(self.on_server("verify", "--json", "--quiet").json()[0]["items"], 5003)
        self.assertIn(self.nginx.url, self.on_server("stats").out.decode())

    def test_an_import_over_connections_that_break_saves_each_line_once(self):
        lines = [b"line %d" % number for number in range(20_000)]
        self.nginx.address = ("127.0.0.1", self.nginx.port)
        with Relay(self.nginx, answer_bytes_max=60_000) as relay:
            url = relay.url.replace("http://127.0.0.1", "https://localhost")
            summary = self.on_server("import", "--json", "-", stdin=b"\n".join(lines * 2), url=url).json()[0]
        self.assertEqual(summary["items"], 40_000)
        self.assertGreater(relay.cuts, 3)
        self.assertEqual(sorted(self.server.items().values()), sorted(lines))

    def test_a_server_that_we_do_not_trust_is_sent_nothing(self):
        make_certificates(self.folder / "others")
        for flags in ((), ("--server-ca-file", self.folder / "others" / "ca.crt")):
            self.assert_refused(self.nginx.url, *flags, says=(
                f"there is no secure connection to the server at {self.nginx.url}",
                "the server's certificate is refused", "give the file of the authority that signed it",
                "--server-ca-file"))

    def test_a_server_of_another_name_is_sent_nothing(self):
        by_address = f"https://127.0.0.1:{self.nginx.port}"
        self.assert_refused(by_address, *self.trusting, says=('is not for "127.0.0.1"', "--server-name"))
        self.assert_refused(self.nginx.url, *self.trusting, "--server-name", "other.example",
                            says=('is not for "other.example"', "--server-name"))
        self.assertEqual(self.on_server("save", "--server-name", "localhost", "x", url=by_address).out, b"created 1\n")

    def test_a_server_may_ask_for_a_certificate(self):
        wanted = ("the server wants a client's certificate", "--client-certificate-file")
        self.assert_refused(self.nginx.mutual_url, *self.trusting, says=wanted)
        with StrictServer(self.certificates) as url:  # which says so in TLS
            self.assert_refused(url, *self.trusting, says=wanted)
        ours = ("--client-certificate-file", self.certificates / "client.crt",
                "--client-key-file", self.certificates / "client.key")
        self.assertEqual(self.on_server("save", *ours, "x", url=self.nginx.mutual_url).out, b"created 1\n")

    def test_http_and_https_are_not_mixed_up(self):
        self.assert_refused(f"http://localhost:{self.nginx.port}",
                            says=("the server speaks TLS on this port", "write https://"))
        self.assert_refused("https://localhost:%d" % self.server.address[1], *self.trusting,
                            says=("the server does not speak TLS on this port", "http://"))

    def test_files_that_cannot_be_used_are_wrong_usage(self):
        bad = self.write("bad", b"no PEM")
        for flag, others in (("--server-ca-file", ()), ("--client-certificate-file", ()),
                             ("--client-key-file", ("--client-certificate-file", self.certificates / "client.crt"))):
            for path in (bad, self.folder / "none"):
                ended = run("list", "--server", self.nginx.url, *others, flag, path)
                self.assertEqual(ended.status, USAGE, ended.err)
                self.assertIn(flag, ended.err)
                self.assertIn(str(path), ended.err)

    def test_the_example_of_a_client_trusts_whom_the_system_trusts(self):
        command = [EXAMPLE_CLIENT, self.nginx.url, "first", "second", "first"]
        trusting = environment() | {"SSL_CERT_FILE": str(self.certificates / "ca.crt")}
        said = subprocess.run(command, env=trusting, capture_output=True, check=True).stdout
        self.assertEqual(said.decode().splitlines(), [
            "Item saved with id 1.", "Item saved with id 2.", "Duplicate item received; it was saved with id 1."])


if __name__ == "__main__":
    unittest.main()
