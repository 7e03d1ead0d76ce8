#!/usr/bin/env python3
"""What happens between processes: a directory in use, signals, closed pipes, a full disk, wrong usage."""

import json
import os
import signal
import subprocess
import unittest

import blackbox
from blackbox import BUSY, INPUT_OUTPUT, INTERRUPTED, NOT_FOUND, OK, SOME_ITEMS, STORE, USAGE
from blackbox import Acks, StoreTest, close, run, start
from serving import wait_until


def feed(process, lines):
    process.stdin.write(b"".join(line + b"\n" for line in lines))
    process.stdin.flush()


def numbered(count):
    return [b"line %d" % number for number in range(1, count + 1)]


class ImportTest(StoreTest):
    def start_import(self, *arguments, **options):
        return start("import", "--data", self.data, "--acks", "--quiet", *arguments, **options)

    def assert_saved(self, lines, answers):
        """Everything acknowledged is there under its id, and nothing twice."""
        items = self.exported()
        for answer in answers:
            self.assertEqual(items.get(answer["id"]), lines[answer["line"] - 1])
        self.assertEqual(len(set(items.values())), len(items))
        self.assertEqual(self.assert_clean(), len(items))
        return items


class SecondProcessTest(ImportTest):
    COMMANDS = [["save", "x"], ["import", os.devnull], ["find", "x"], ["get", "1"], ["list"], ["export"], ["stats"],
                ["verify"]]

    def test_a_directory_in_use_is_refused_and_its_user_unharmed(self):
        first = self.start_import("-")
        with Acks(first) as acks:
            feed(first, [b"before"])
            self.assertTrue(acks.wait_for(1))
            for command in self.COMMANDS:
                with self.subTest(command[0]):
                    refused = self.itemgate(*command, status=BUSY)
                    self.assertEqual(refused.out, b"")
                    for part in (str(self.data), "in use", f"process {first.pid}", "use another directory"):
                        self.assertIn(part, refused.err)
            told = self.itemgate("save", "--json", "x", status=BUSY).errors()
            self.assertEqual([error["code"] for error in told], ["busy"])
            feed(first, [b"after"])
            close(first.stdin)
            answers = acks.wait_for_end()
            self.assertEqual(first.wait(), OK, first.stderr.read())
        self.assertEqual([answer["outcome"] for answer in answers], ["created", "created"])
        self.assertEqual(self.assert_saved([b"before", b"after"], answers), {1: b"before", 2: b"after"})

    def test_the_directory_is_free_again_after_a_kill(self):
        first = self.start_import("-")
        with Acks(first) as acks:
            feed(first, [b"content"])
            self.assertTrue(acks.wait_for(1))
        self.assertEqual(first.returncode, -signal.SIGKILL)
        self.assertEqual(self.save(b"content"), {"outcome": "duplicate", "id": 1})


class SignalTest(ImportTest):
    LINES = numbered(5000)
    FED = 2000

    def interrupt(self, signal_number, *arguments):
        """Imports from a named pipe, and sends the signal when part of it is acknowledged. What it acknowledged and
        said; the pipe's name is then that of a file with all lines."""
        pipe = self.folder / "lines.txt"
        os.mkfifo(pipe)
        process = self.start_import(*arguments, pipe)
        with Acks(process) as acks, open(os.open(pipe, os.O_RDWR), "wb") as feeding:  # does not wait for a reader
            feeding.write(b"".join(line + b"\n" for line in self.LINES[:self.FED]))
            feeding.flush()
            self.assertTrue(acks.wait_for(self.FED))
            process.send_signal(signal_number)
            answers = acks.wait_for_end()
            self.assertEqual(process.wait(blackbox.TIMEOUT_SECONDS), INTERRUPTED)
            err = process.stderr.read().decode()
        pipe.unlink()
        self.write("lines.txt", b"\n".join(self.LINES))
        return answers, err

    def assert_goes_on(self, answers, command):
        """What was acknowledged is there, and the command that was told imports the rest, and then nothing more."""
        self.assertEqual(len(self.assert_saved(self.LINES, answers)), self.FED)
        for created in (len(self.LINES) - self.FED, 0):
            again = subprocess.run(command, shell=True, capture_output=True, check=False)
            self.assertEqual(again.returncode, OK, again.stderr)
            self.assertEqual(again.stdout.count(b'"outcome":"created"'), created)
            self.assertEqual(again.stdout.count(b'"outcome":"duplicate"'), len(self.LINES) - created)
        self.assertEqual(sorted(self.exported().values()), sorted(self.LINES))

    def test_an_import_stopped_by_a_signal_says_what_it_did_and_can_be_repeated(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                self.data = self.folder / number.name
                answers, err = self.interrupt(number)
                self.assertEqual(len(answers), self.FED)
                self.assertIn("Interrupted after 2,000 items", err)
                self.assertRegex(err, r"created +2,000\n")
                self.assertIn("To go on, run it again", err)
                self.assert_goes_on(answers, err.splitlines()[-1].strip())
                (self.folder / "lines.txt").unlink()

    def test_the_summary_in_json_says_the_same(self):
        answers, err = self.interrupt(signal.SIGINT, "--json")
        summary = answers.pop()
        self.assertEqual(err, "")
        self.assertEqual((summary["end"], summary["items"], summary["created"]), ("interrupted", self.FED, self.FED))
        self.assert_goes_on(answers, summary["go_on"])

    def test_a_second_signal_ends_an_import_whose_output_nobody_reads(self):
        process = self.start_import(self.write("lines.txt", b"\n".join(self.LINES)))
        self.assertTrue(process.stdout.readline().endswith(b"\n"))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # two that come as one are allowed for: a third, if need be
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        with Acks(process):
            self.assertEqual(process.wait(blackbox.TIMEOUT_SECONDS), INTERRUPTED)
        self.assert_clean()

    def test_importing_again_creates_nothing(self):
        path = self.write("lines.txt", b"\n".join(self.LINES))
        first, second = [self.itemgate("import", "--json", path).json()[0] for _ in range(2)]
        self.assertEqual((first["created"], first["duplicates"], first["end"]), (5000, 0, "done"))
        self.assertEqual((second["created"], second["duplicates"], second["end"]), (0, 5000, "done"))
        self.assertEqual(sorted(self.exported().values()), sorted(self.LINES))


class InterruptedBenchTest(StoreTest):
    def test_a_case_that_was_cut_short_is_marked(self):
        for flags in ((), ("--json",)):
            process = start("bench", "--data", self.folder, "--workload", "W3", "--callers", "1", "--batch", "0",
                            "--items", "1000000", "--seconds", "3600", *flags)
            with process:
                wait_until(lambda: list(self.folder.glob("*/store")), "the case runs")
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=blackbox.TIMEOUT_SECONDS)
            self.assertEqual(process.returncode, INTERRUPTED)
            if flags:
                self.assertIs(json.loads(out)["cases"][0]["interrupted"], True)
            else:
                self.assertRegex(out.decode(), r"\nW3 +1 caller .*  interrupted after [0-9.]+ .?s\n$")


class ClosedPipeTest(ImportTest):
    def first_line_of(self, *arguments):
        """Reads one line and closes the pipe. How the command ended and what it said about it."""
        process = start(*arguments)
        close(process.stdin)
        self.assertTrue(process.stdout.readline().endswith(b"\n"))
        close(process.stdout)
        err = process.stderr.read().decode()
        close(process.stderr)
        return process.wait(blackbox.TIMEOUT_SECONDS), err

    def test_printing_into_a_closed_pipe_ends_quietly(self):
        path = self.write("lines.txt", b"\n".join(numbered(20_000)))
        self.itemgate("import", path)
        for command in (["list", "--json"], ["export", "--quiet"], ["export", "--quiet", "--format", "raw"],
                        ["get", "--json", *range(1, 5000)]):
            with self.subTest(command[:2]):
                self.assertEqual(self.first_line_of(*command, "--data", self.data), (OK, ""))

    def test_an_import_whose_acknowledgements_nobody_reads_is_not_called_complete(self):
        lines = numbered(20_000)
        path = self.write("lines.txt", b"\n".join(lines))
        status, err = self.first_line_of("import", "--acks", "--quiet", "--data", self.data, path)
        self.assertEqual(status, INPUT_OUTPUT)
        self.assertIn("Stopped after", err)
        self.assertIn("To go on, run it again", err)
        self.assertNotIn("roken pipe", err)
        self.itemgate("import", path)
        self.assertEqual(sorted(self.exported().values()), sorted(lines))


class UnusableDirectoryTest(StoreTest):
    def test_a_file_in_place_of_the_directory_is_told(self):
        path = self.write("file", b"precious")
        for place in (path, path / "below"):
            for command in (["save", "x"], ["import", os.devnull], ["list"]):
                with self.subTest(place=place.name, command=command[0]):
                    ended = run(*command, "--data", place)
                    self.assertEqual((ended.status, ended.out), (INPUT_OUTPUT, b""))
                    self.assertIn(str(place), ended.err)
                    self.assertIn("Not a directory", ended.err)
        self.assertEqual(path.read_bytes(), b"precious")

    def test_a_log_without_its_identity_is_refused_and_says_what_to_do(self):
        self.save(b"x")
        (self.data / "IDENTITY").unlink()
        for command in (["save", "y"], ["get", "1"]):
            ended = self.itemgate(*command, status=STORE if command[0] == "save" else NOT_FOUND)
            self.assertIn(str(self.data), ended.err)
        self.assertEqual(len(self.log_segments()), 1)

    def test_commands_that_only_read_make_no_store(self):
        for command in (["get", "1"], ["list"], ["find", "x"], ["export"], ["stats"], ["verify"]):
            with self.subTest(command[0]):
                ended = self.itemgate(*command, status=NOT_FOUND)
                self.assertIn(f"there is no item store in {self.data}", ended.err)
                self.assertEqual(ended.out, b"")
                told = self.itemgate(*command, "--json", status=NOT_FOUND).errors()
                self.assertEqual([error["code"] for error in told], ["not_found"])
                self.assertFalse(self.data.exists())


class FullDiskTest(ImportTest):
    """On a small disk of its own, which it mounts: that takes root."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "itemgate-test", self.disk],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(mounted.returncode, 0, f"a small disk cannot be mounted, as root can: {mounted.stderr}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)
        self.data = self.disk / "data"
        self.lines = [b"%d %s" % (number, os.urandom(700).hex().encode()) for number in range(3000)]
        self.path = self.write("lines.txt", b"\n".join(self.lines))

    def fill(self, room_bytes):
        """Leaves that much room."""
        disk = os.statvfs(self.disk)
        with open(self.disk / "other", "wb") as other:
            os.posix_fallocate(other.fileno(), 0, disk.f_bavail * disk.f_frsize - room_bytes)

    def make_room(self):
        (self.disk / "other").unlink()

    def test_nothing_acknowledged_is_lost_and_saving_goes_on_when_there_is_room(self):
        self.fill(2 << 20)
        full = self.itemgate("import", "--acks", "--quiet", self.path, status=INPUT_OUTPUT)
        self.assertIn("No space left on device", full.err)
        self.assertIn("Stopped after", full.err)
        self.assertRegex(full.err, r"failed +[1-9]")
        answers = full.json()
        self.assertGreater(len(answers), 0)
        self.assertLess(len(answers), len(self.lines))
        saved = len(self.assert_saved(self.lines, answers))
        self.make_room()
        again = self.itemgate("import", "--json", "--quiet", self.path).json()[0]
        self.assertEqual((again["created"], again["duplicates"]), (len(self.lines) - saved, saved))
        self.assert_saved(self.lines, answers)
        self.assertEqual(sorted(self.exported().values()), sorted(self.lines))

    def test_a_save_without_room_fails_and_succeeds_with_room(self):
        self.save(b"before")
        self.fill(64 << 10)
        content = os.urandom(1 << 20)
        full = self.itemgate("save", "--json", stdin=content, status=INPUT_OUTPUT).json()[0]
        self.assertEqual((full["outcome"], full["error"]["code"]), ("failed", "storage_full"))
        self.assertIn("No space left on device", full["error"]["message"])
        self.assertEqual(self.exported(), {1: b"before"})
        self.make_room()
        self.assertEqual(self.save(content), {"outcome": "created", "id": 2})
        self.assertEqual(self.exported(), {1: b"before", 2: content})

    def test_a_small_content_that_was_not_saved_is_not_there(self):
        """A small commit is written together with zeros for the next ones: they may be what does not fit."""
        self.save(b"before")
        self.fill(64 << 10)
        ended = run("save", "--json", "--data", self.data, "small")
        answer = ended.json()[0]
        if answer["outcome"] == "failed":
            self.assertEqual((ended.status, self.exported()), (INPUT_OUTPUT, {1: b"before"}))
            self.make_room()
            answer = self.save(b"small")
        self.assertEqual(answer, {"outcome": "created", "id": 2})
        self.assertEqual(self.exported(), {1: b"before", 2: b"small"})

    def test_a_store_on_a_full_disk_is_opened_for_what_is_there(self):
        self.save(b"before")
        self.fill(0)
        self.assertEqual(self.save(b"before"), {"outcome": "duplicate", "id": 1})
        self.assertEqual(self.exported(), {1: b"before"})
        self.assertEqual(self.itemgate("verify", "--json").json()[0]["items"], 1)
        self.itemgate("save", stdin=os.urandom(1 << 20), status=INPUT_OUTPUT)
        self.make_room()
        self.assertEqual(self.save(b"after"), {"outcome": "created", "id": 2})

    def test_a_store_cannot_be_made_on_a_full_disk_and_can_when_there_is_room(self):
        self.fill(0)
        ended = run("save", "--data", self.data, "x")
        self.assertNotEqual(ended.status, OK)
        self.assertIn("No space left on device", ended.err)
        self.make_room()
        self.assertEqual(self.save(b"x"), {"outcome": "created", "id": 1})


class UsageTest(StoreTest):
    WRONG = [
        ([], "Usage: itemgate"),
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["list", "--jsn"], "unknown option --jsn; did you mean '--json'?"),
        (["--data", "x", "list"], "the option --data goes behind the command"),
        (["get"], "ID is required"),
        (["get", "x"], "ID: x is not a whole number"),
        (["list", "extra"], "unexpected argument 'extra'"),
        (["list", "--last", "1", "--limit", "2"], "--last does not go with"),
        (["import", "--senders", "0"], "--senders: Value 0 not in range 1 to 256"),
        (["import", "--senders", "257"], "--senders: Value 257 not in range 1 to 256"),
        (["import", "--split", "words"], "--split"),
        (["save", "--item-limit", "3GiB", "x"], "--item-limit"),
        (["save", "--scope", "", "x"], "a scope name must not be empty"),
        (["save", "--scope", "a/b", "x"], "a scope name consists of"),
        (["save", "--key", "xml", "x"], "--key"),
        (["demo", "--delay", "soon"], "soon"),
    ]

    def test_wrong_usage_is_told_and_touches_nothing(self):
        for arguments, message in self.WRONG:
            with self.subTest(arguments):
                ended = run(*arguments, cwd=self.folder)
                self.assertEqual((ended.status, ended.out), (USAGE, b""))
                self.assertIn(message, ended.err)
        ended = run("list", "--json", "--jsn", cwd=self.folder)
        self.assertEqual((ended.status, ended.errors()[0]["code"]), (USAGE, "invalid_argument"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_not_there_is_told(self):
        self.save(b"x")
        self.assertIn("no item has the id 2", self.itemgate("get", "2", status=NOT_FOUND).err)
        self.assertIn("missing.txt", self.itemgate("import", "missing.txt", status=NOT_FOUND).err)
        self.itemgate("find", "y", status=NOT_FOUND)
        self.itemgate("save", "", status=SOME_ITEMS)
        self.assertEqual(self.exported(), {1: b"x"})


if __name__ == "__main__":
    unittest.main()
