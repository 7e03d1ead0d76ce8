#!/usr/bin/env python3
"""Every command says the same, byte for byte, with a server as with a directory; and what it says without either."""

import json
import os
import re
import socket
import subprocess
import unittest

from blackbox import INPUT_OUTPUT, NOT_FOUND, OK, SERVER, SOME_ITEMS, USAGE
from blackbox import Acks, StoreTest, environment, run, start
from relay import Relay
from serving import Server

EXAMPLE_CLIENT = os.environ.get("ITEMGATE_EXAMPLE_CLIENT", "")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SECONDS = re.compile(r' in \d+\.\d s \(.*?/s\)|"seconds":[^,]*,"items_per_second":[^,}]*')
LIMIT = 16 << 20


class SameTest(StoreTest):
    """Runs each command twice: on a directory, and through a server on a directory of its own."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(Server(self.folder, data=self.folder / "served"))

    def plain(self, text):
        """What must be equal: all but times."""
        return SECONDS.sub("", TIME.sub("TIME", text))

    def same(self, command, *arguments, status=OK, **options):
        """Runs the command in both ways and gives what the one with the server printed."""
        near = run(command, "--data", self.data, *arguments, **options)
        far = run(command, "--server", self.server.url, *arguments, **options)
        self.assertEqual(far.status, status, f"{command} {arguments}: {far.err}")
        self.assertEqual(far.status, near.status, command)
        self.assertEqual(self.plain(far.out.decode("latin-1")), self.plain(near.out.decode("latin-1")))
        self.assertEqual(self.plain(far.err.replace(f"--server {self.server.url}", f"--data {self.data}")),
                         self.plain(near.err))
        return far

    def fill(self):
        self.same("save", "a", "b", "a", "\u2028 \x7f")
        self.same("save", "--scope", "feed", "--media-type", "text/plain; charset=utf-8", "-", stdin=b"\xff\0\n")
        self.same("save", "--media-type", "application/octet-stream", "typed")
        self.same("save", "--media-type", "application/vnd.itemgate.item+json", "{}")
        self.same("save", "--key", "json", '{"b":2, "a":1.0}', '{"a":1,"b":2}')

    def test_save(self):
        self.fill()
        for flags in ((), ("--json",)):
            self.same("save", *flags, "a", "new " + str(flags))
            self.same("save", *flags, "", status=SOME_ITEMS)
            self.same("save", *flags, "one", "", "two", status=SOME_ITEMS)
            self.same("save", *flags, "--item-limit", "4", "12345", "1234", status=SOME_ITEMS)
            self.same("save", *flags, "--key", "json", "[1,", '{"a":1,"a":2}', "[1]", status=SOME_ITEMS)
            self.same("save", *flags, "--key", "json", "-", stdin=b'"\xff"', status=SOME_ITEMS)
            self.same("save", *flags, "--scope", "not a scope", "x", status=USAGE)
            self.same("save", *flags, "--media-type", "x" * 256, "x", status=SOME_ITEMS)
        self.same("list", "--json")

    def test_large_contents(self):
        path = self.write("large", os.urandom(LIMIT))
        self.same("save", "--file", path)
        self.same("save", "--file", self.write("larger", bytes(LIMIT + 1)), status=SOME_ITEMS)
        self.assertEqual(self.same("get", 1).out, path.read_bytes())
        self.same("find", "--file", path)
        self.same("verify")

    def test_find_get_list_and_export(self):
        self.fill()
        for flags in ((), ("--json",)):
            self.same("find", *flags, "a")
            self.same("find", *flags, "none", status=NOT_FOUND)
            self.same("find", *flags, "--scope", "feed", "-", stdin=b"\xff\0\n")
            self.same("find", *flags, "--key", "json", '{"a":1e0,"b":2}')
            self.same("find", *flags, "--key", "json", "{", status=SOME_ITEMS)
            self.same("find", *flags, "", status=USAGE)
            self.same("get", *flags, 3, 4, 1)
            self.same("get", *flags, 1, 99, status=NOT_FOUND)
            self.same("get", *flags, 0, status=NOT_FOUND)
            self.same("get", *flags, -1, status=USAGE)
            self.same("list", *flags)
            self.same("list", *flags, "--after", 2, "--limit", 2)
            self.same("list", *flags, "--last", 2)
            self.same("list", *flags, "--scope", "feed")
            self.same("list", *flags, "--last", 2, "--after", 1, status=USAGE)
        self.same("export")
        self.same("export", "--format", "raw", "--scope", "feed")
        self.same("export", "--after", 4)
        self.same("export", "--output", self.folder / "out.zst")
        self.same("export", "--json", "--output", self.folder / "out.gz")
        self.same("export", "--output", self.folder / "none" / "out", status=INPUT_OUTPUT)
        self.same("get", "1", "--output", self.folder / "item")

    def test_import_and_everything_after_it(self):
        lines = b"".join(b"line %d \xe9\n" % number for number in range(5000))
        path = self.write("lines.txt", lines + b"\n" + lines[:1000])
        for _ in range(2):
            self.same("import", "--senders", 1, path)
        self.same("import", "--senders", 1, "--acks", "--json", "-", stdin=b"x\nline 7 \xe9\nx\n")
        for flags in ((), ("--json",)):
            self.same("import", *flags, "--key", "json", "--senders", 1,
                      self.write("mixed.txt", b'{"a":1}\n{"a":\n[2]\n'), status=SOME_ITEMS)
            self.same("import", *flags, "--item-limit", 4, "-", stdin=b"1234\n12345\n", status=SOME_ITEMS)
            self.same("import", *flags, self.folder / "none", status=NOT_FOUND)
        self.same("list", "--last", 20)
        self.same("export")
        self.same("verify")
        self.same("verify", "--json")

    def test_stats(self):
        self.fill()
        near = self.itemgate("stats", "--json").json()[0]
        far = run("stats", "--json", "--server", self.server.url).json()[0]
        self.assertEqual(far.pop("server"), self.server.url)
        self.assertEqual(near.pop("data"), str(self.data))
        for statistics in (near, far):  # an open directory has room written ahead
            self.assertGreater(statistics.pop("disk_bytes"), 0)
        self.assertEqual(near, far)
        text = run("stats", "--server", self.server.url).out.decode()
        self.assertEqual(text.splitlines()[:2], [f"server      {self.server.url}", "items       7"])


class ServerTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(Server(self.folder, data=self.folder / "served"))

    def test_the_environment_names_a_server_and_a_directory_that_is_named_goes_before_it(self):
        with_server = environment() | {"ITEMGATE_SERVER": self.server.url}
        run_in = lambda *arguments: subprocess.run(
            [os.environ["ITEMGATE_BINARY"], *map(str, arguments)], env=with_server, capture_output=True, check=True)
        self.assertEqual(run_in("save", "x").stdout, b"created 1\n")
        self.assertEqual(run_in("save", "--data", self.data, "x").stdout, b"created 1\n")
        self.assertEqual(run_in("save", "x").stdout, b"duplicate 1\n")
        self.assertEqual(self.server.stats()["items"], 1)

    def test_a_media_type_that_can_stand_in_no_header_is_refused_by_the_server(self):
        for media_type in ("text/\r\nplain", "text/\u00e9"):
            for contents in (["x"], ["x", "y"]):
                ended = run("save", "--json", "--server", self.server.url, "--media-type", media_type, *contents)
                self.assertEqual(ended.status, SOME_ITEMS)
                for answer in ended.json():
                    self.assertEqual((answer["outcome"], answer["error"]["code"]), ("rejected", "invalid_argument"))
        self.assertEqual(self.server.stats()["items"], 0)

    def test_many_senders_import_each_line_once(self):
        lines = [b"line %d" % number for number in range(20_000)]
        summary = run("import", "--json", "--server", self.server.url, "--senders", 16, "-",
                      stdin=b"\n".join(lines * 2)).json()[0]
        self.assertEqual((summary["created"], summary["duplicates"]), (20_000, 20_000))
        self.assertEqual(sorted(self.server.items().values()), sorted(lines))

    def test_a_server_that_is_killed_and_started_again_loses_nothing_that_was_acknowledged(self):
        self.assertEqual(run("save", "--server", self.server.url, "a", "b").status, OK)
        self.server.kill()
        self.assertEqual(run("save", "--server", self.server.url, "a").status, SERVER)
        self.server.start()
        self.assertEqual(run("save", "--server", self.server.url, "b", "a").out, b"duplicate 2\nduplicate 1\n")

    def test_an_import_over_connections_that_break_saves_each_line_once(self):
        lines = [b"line %d" % number for number in range(50_000)]
        with Relay(self.server, answer_bytes_max=100_000) as relay:
            ended = run("import", "--json", "--server", relay.url, "-", stdin=b"\n".join(lines * 2))
        summary = ended.json()[0]
        self.assertEqual((ended.status, summary["items"]), (OK, 100_000), ended.err)
        self.assertGreater(relay.cuts, 5)
        self.assertEqual(sorted(self.server.items().values()), sorted(lines))

    def test_an_import_goes_on_when_the_server_is_killed_and_started_again(self):
        lines = [b"line %d" % number for number in range(50_000)]
        with Relay(self.server, answer_bytes_max=1 << 30) as relay:
            process = start("import", "--acks", "--json", "--server", relay.url, "-")
            with Acks(process) as acks:
                process.stdin.write(b"\n".join(lines[:25_000]) + b"\n")
                process.stdin.flush()
                self.assertTrue(acks.wait_for(10_000))
                self.server.kill()
                self.server.start()
                process.stdin.write(b"\n".join(lines))
                process.stdin.close()
                told = acks.wait_for_end()
                status = process.wait()
        self.assertEqual((status, told.pop()["items"]), (OK, 75_000))
        items = self.server.items()
        self.assertEqual(sorted(items.values()), sorted(lines))
        sent = lines[:25_000] + lines
        for ack in told:
            self.assertEqual(items[ack["id"]], sent[ack["line"] - 1])

    def test_the_example_of_a_client(self):
        def example(*contents):
            return subprocess.run([EXAMPLE_CLIENT, self.server.url, *contents], capture_output=True, check=True).stdout
        self.assertEqual(example("first", "second", "first").decode().splitlines(), [
            "Item saved with id 1.", "Item saved with id 2.", "Duplicate item received; it was saved with id 1."])


class NoServerTest(StoreTest):
    COMMANDS = [("save", "x"), ("find", "x"), ("get", 1), ("list",), ("export",), ("stats",), ("verify",),
                ("import", os.devnull)]

    def test_every_command_says_that_no_server_is_there_and_what_to_do(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # not listening: connections are refused
            url = "http://127.0.0.1:%d" % nobody.getsockname()[1]
            for command, *arguments in self.COMMANDS:
                with self.subTest(command):
                    ended = run(command, "--server", url, *arguments)
                    self.assertEqual((ended.status, ended.out), (SERVER, b""))
                    self.assertRegex(ended.err, rf"^itemgate: cannot reach the server at {url}: .*[Rr]efused; "
                                                r"is it running\? \(itemgate serve\)\n$")
                    error = run(command, "--json", "--server", url, *arguments).errors()[0]
                    self.assertEqual(error["code"], "unavailable")

    def test_what_is_no_itemgate_server_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            url = "http://127.0.0.1:%d" % other.getsockname()[1]
            process = subprocess.Popen([os.environ["ITEMGATE_BINARY"], "stats", "--server", url], env=environment(),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, SERVER)
            self.assertIn("is that the address of an Itemgate server?", err.decode())

    def test_a_wrong_address_is_wrong_usage(self):
        for url in ("ftp://x", "http://127.0.0.1:0", "https://127.0.0.1:0", "http://", "https://"):
            ended = run("stats", "--server", url)
            self.assertEqual(ended.status, USAGE)
            self.assertIn("http://HOST:PORT", ended.err)

    def test_a_directory_and_a_server_are_wrong_usage_together(self):
        for command, *arguments in self.COMMANDS:
            ended = run(command, "--server", "http://127.0.0.1:1", "--data", self.data, *arguments)
            self.assertEqual(ended.status, USAGE, command)
            self.assertIn("--server", ended.err)
        self.assertFalse(self.data.exists())


if __name__ == "__main__":
    unittest.main()
