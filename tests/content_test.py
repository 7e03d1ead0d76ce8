#!/usr/bin/env python3
"""Contents of every kind go in and come out byte for byte, or are refused with the reason; files of every kind, too."""

import gzip
import json
import os
import random
import subprocess
import unittest

from blackbox import NOT_FOUND, OK, SOME_ITEMS, USAGE
from blackbox import Acks, StoreTest, run, start

LIMIT = 16 << 20

AWKWARD = {
    "one byte": b"x",
    "a NUL": b"\0",
    "NULs": b"a\0b\0\0",
    "invalid UTF-8": b"\xff\xfe\xc3\x28",
    "an overlong UTF-8 form": b"\xc0\xaf",
    "a surrogate in UTF-8": b"\xed\xa0\x80",
    "a line feed": b"\n",
    "line ends within": b"a\r\nb\nc\r",
    "spaces around": b"  x \t ",
    "quotes and backslashes": b'{"a": "\\u0000\\""}',
    "four-byte UTF-8": "\U0001f600 \u2028 \x7f \x1b[31m".encode(),
    "looks like an option": b"--data",
    "all bytes": bytes(range(256)),
}


class ByteTest(StoreTest):
    def test_awkward_contents_come_back_byte_for_byte(self):
        expected = {}
        for name, content in AWKWARD.items():
            with self.subTest(name):
                expected[len(expected) + 1] = content
                self.assertEqual(self.save(content), {"outcome": "created", "id": len(expected)})
                self.assertEqual(self.save(content), {"outcome": "duplicate", "id": len(expected)})
                self.assertEqual(self.itemgate("get", len(expected)).out, content)
                self.assertEqual(self.itemgate("find", "--json", "-", stdin=content).json()[0]["id"], len(expected))
        self.assertEqual(self.exported(), expected)
        everything = self.itemgate("get", *expected).out
        self.assertEqual(everything, b"".join(expected.values()))
        self.assertEqual(self.assert_clean(), len(AWKWARD))

    def test_what_was_exported_can_be_imported_into_another_store(self):
        for content in AWKWARD.values():
            self.save(content, "--media-type", "text/x-awkward")
            self.save(content, "--scope", "again")
        self.save(b'{"b": 1, "a": 2}', "--scope", "orders", "--key", "json")
        before = self.itemgate("export", "--quiet").json()
        path = self.folder / "all.ndjson.zst"
        self.itemgate("export", "--quiet", "--output", path)

        self.data = self.folder / "other"
        imported = self.itemgate("import", "--json", "--quiet", "--exported", "--senders", 1, path).json()[-1]
        self.assertEqual((imported["created"], imported["refused"]), (2 * len(AWKWARD) + 1, 0))
        after = self.itemgate("export", "--quiet").json()
        for item in before + after:
            del item["saved_at"]
        self.assertEqual(after, before)

        again = self.itemgate("import", "--json", "--quiet", "--exported", path).json()[-1]
        self.assertEqual((again["created"], again["duplicates"]), (0, len(before)))
        refused = run("import", "--data", self.data, "--exported", "--scope", "x", path)
        self.assertEqual(refused.status, USAGE)
        self.assertIn("with --exported, leave out", refused.err)

    def test_every_single_byte_is_an_item(self):
        paths = [self.write(f"{byte:03}", bytes([byte])) for byte in range(256)]
        answers = self.itemgate("save", "--json", *[part for path in paths for part in ("--file", path)]).json()
        self.assertEqual(answers, [{"outcome": "created", "id": byte + 1} for byte in range(256)])
        self.assertEqual(self.exported(), {byte + 1: bytes([byte]) for byte in range(256)})

    def test_an_empty_content_is_refused(self):
        for ended in (self.itemgate("save", "--json", stdin=b"", status=SOME_ITEMS),
                      self.itemgate("save", "--json", "", status=SOME_ITEMS),
                      self.itemgate("save", "--json", "--file", os.devnull, status=SOME_ITEMS)):
            answer = ended.json()[0]
            self.assertEqual(answer["outcome"], "rejected")
            self.assertIn("the content is empty", answer["error"]["message"])
        self.assertIn("the content is empty", self.itemgate("save", "", status=SOME_ITEMS).err)
        self.assertEqual(self.exported(), {})

    def test_the_largest_content_goes_in_and_a_larger_one_is_refused(self):
        content = random.Random(1).randbytes(LIMIT + 1)
        largest, larger = self.write("largest", content[:LIMIT]), self.write("larger", content)
        self.assertEqual(self.save(content[:LIMIT]), {"outcome": "created", "id": 1})
        answer = self.itemgate("save", "--json", stdin=content, status=SOME_ITEMS).json()[0]
        self.assertEqual((answer["outcome"], answer["error"]["code"]), ("rejected", "too_large"))
        self.assertIn(str(LIMIT), answer["error"]["message"])
        ended = self.itemgate("import", "--json", largest, larger, status=SOME_ITEMS)
        summary, error = ended.json()[0], ended.errors()[0]
        self.assertEqual((summary["created"], summary["duplicates"], summary["refused"]), (0, 1, 1))
        self.assertEqual((error["code"], error["source"]), ("too_large", str(larger)))
        self.assertIn("16.0 MiB", error["message"])
        self.assertEqual(self.itemgate("get", 1).out, content[:LIMIT])
        self.assertEqual(self.exported(), {1: content[:LIMIT]})

    def test_the_limit_can_be_set(self):
        self.itemgate("save", "--item-limit", "4", stdin=b"12345", status=SOME_ITEMS)
        self.itemgate("save", "--item-limit", "4", stdin=b"1234")
        self.itemgate("save", "--item-limit", "17MiB", stdin=bytes(LIMIT + 1))
        self.assertEqual(self.exported(), {1: b"1234", 2: bytes(LIMIT + 1)})

    def test_equal_contents_in_other_scopes_are_other_items(self):
        for item_id, scope in ((1, "one"), (2, "two"), (1, "one")):
            self.assertEqual(self.save(b"x", "--scope", scope)["id"], item_id)
        self.assertEqual(self.exported(), {1: b"x", 2: b"x"})
        self.itemgate("find", "x", status=NOT_FOUND)


class JsonKeyTest(StoreTest):
    EQUAL = [
        ['{"a": 1, "b": [null, "\u00e9"]}', '{"b":[null,"\\u00E9"],"a":1.0}', ' {"b":[null,"\u00e9"],"a":1e0}\n'],
        ["9007199254740992", "9007199254740992.0", "9.007199254740992e15"],
        ['"\\ud83d\\ude00\\/"', '"\U0001f600/"'],
        ["0", "-0", "0.0", "0e7"],
    ]
    REFUSED = {
        '{"a": 1, "a": 2}': "a second member of the same name",
        '{"a": 1, "\\u0061": 2}': "a second member of the same name",
        '"\\ud800"': "a lone surrogate",
        '["\\udc00\\ud800"]': "a lone surrogate",
        "1e400": "a number beyond an IEEE double",
        "[-1e400]": "a number beyond an IEEE double",
        "[" * 100_000: "nested deeper than 512 levels",
        '{"a":' * 600 + "1" + "}" * 600: "nested deeper than 512 levels",
        "9007199254740993": "an integer that an IEEE double would change",
        "NaN": "NaN and Infinity are not JSON",
        "hello": "the content is not JSON",
        "[1,]": "no JSON value where one should be",
        '{"a" 1}': "no colon",
        "[1": "ends in the middle",
        "1 2": "trailing bytes",
        '"a\tb"': "a bare control character",
        "\ufeff1": "a byte order mark",
    }

    def test_equal_values_spelled_differently_are_one_item_as_first_spelled(self):
        for item_id, spellings in enumerate(self.EQUAL, 1):
            for number, spelling in enumerate(spellings):
                with self.subTest(spelling):
                    answer = self.save(spelling.encode(), "--key", "json")
                    self.assertEqual(answer, {"outcome": "duplicate" if number else "created", "id": item_id})
        self.assertEqual(self.exported(), {n: values[0].encode() for n, values in enumerate(self.EQUAL, 1)})
        self.assertEqual(self.save(self.EQUAL[0][1].encode())["outcome"], "created", "as bytes they differ")
        self.assert_clean()

    def test_what_is_not_interoperable_json_is_refused_with_its_own_reason(self):
        for content, reason in self.REFUSED.items():
            with self.subTest(content[:30]):
                ended = self.itemgate("save", "--json", "--key", "json", stdin=content.encode(), status=SOME_ITEMS)
                answer = ended.json()[0]
                self.assertEqual((answer["outcome"], answer["error"]["code"]), ("rejected", "not_canonical"))
                self.assertIn(reason, answer["error"]["message"])
                self.assertRegex(answer["error"]["message"], r"at byte \d+: .*; \w+")
        self.assertEqual(self.exported(), {})

    def test_bytes_that_are_not_utf8_are_refused(self):
        ended = self.itemgate("save", "--key", "json", stdin=b'"\xff"', status=SOME_ITEMS)
        self.assertIn("invalid UTF-8", ended.err)


class ImportTest(StoreTest):
    LINES = [b"line %d \xff" % number for number in range(5000)]

    def import_in_order(self, *arguments, status=OK, **options):
        return self.itemgate("import", "--json", "--senders", 1, *arguments, status=status, **options)

    def test_compressed_files_are_recognised_whatever_their_name(self):
        text = b"\n".join(self.LINES) + b"\n"
        zstd = subprocess.run(["zstd", "-q"], input=text, capture_output=True, check=True).stdout
        half = len(text) // 2
        packed = {"a.txt": gzip.compress(text), "b.txt": zstd, "c.txt.gz": gzip.compress(text), "d.txt.zst": zstd,
                  "e.txt.gz": gzip.compress(text[:half]) + gzip.compress(text[half:]), "f.txt": text}
        for name, content in packed.items():
            with self.subTest(name):
                self.data = self.folder / f"data-{name}"
                self.import_in_order(self.write(name, content))
                self.import_in_order("-", stdin=content)
                self.assertEqual(list(self.exported().values()), self.LINES)

    def test_compressed_files_can_be_taken_as_they_are(self):
        content = gzip.compress(b"a\nb\n")
        self.import_in_order("--raw", "--split", "files", self.write("a.txt.gz", content))
        self.assertEqual(self.exported(), {1: content})

    def test_a_damaged_file_is_named_and_the_rest_imported(self):
        cut = gzip.compress(b"\n".join(self.LINES))[:-20]
        bad, good = self.write("bad.txt.gz", cut), self.write("good.txt", b"good\n")
        ended = self.import_in_order(bad, good, status=SOME_ITEMS)
        self.assertEqual([error["source"] for error in ended.errors()], [str(bad)])
        self.assertEqual((ended.json()[0]["unreadable_inputs"], ended.json()[0]["inputs"]), (1, 2))
        self.assertIn(b"good", self.exported().values())
        self.assertRegex(self.itemgate("import", bad, status=SOME_ITEMS).err, rf"(?m)^{bad}:\d+: \w+")

    def test_line_ends_are_no_part_of_items(self):
        summary = self.import_in_order("-", stdin=b"a\r\nb\n\r\n\nc\rd\r\ne").json()[0]
        self.assertEqual((summary["created"], summary["empty"]), (4, 2))
        self.assertEqual(list(self.exported().values()), [b"a", b"b", b"c\rd", b"e"])
        self.import_in_order("--keep-cr", "-", stdin=b"a\r\nb\n\r\n")
        self.assertEqual(list(self.exported(after=4).values()), [b"a\r", b"\r"])

    def test_records_are_separated_by_empty_lines(self):
        text = b"\n\nPackage: a\nSize: 1\n\nPackage: b\r\nSize: 2\r\n\r\n\r\n\nPackage: a\nSize: 1\n\n c\n"
        summary = self.import_in_order("--split", "paragraphs", "-", stdin=text).json()[0]
        self.assertEqual((summary["created"], summary["duplicates"]), (3, 1))
        self.assertEqual(list(self.exported().values()), [b"Package: a\nSize: 1", b"Package: b\r\nSize: 2", b" c"])

    def test_problems_name_file_and_line(self):
        path = self.write("items.ndjson", b'{"a": 1}\n\n{"a": 1, "a": 2}\n' + b"[" * 600 + b'\n{"a": 1.0}\n')
        ended = self.itemgate("import", "--key", "json", path, status=SOME_ITEMS)
        first, second = ended.err.splitlines()
        self.assertRegex(first, rf"^{path}:3: not acceptable JSON at byte 9: a second member of the same name")
        self.assertRegex(second, rf"^{path}:4: not acceptable JSON at byte 512: .*nested deeper")
        self.assertEqual(self.exported(), {1: b'{"a": 1}'})
        errors = self.import_in_order("--key", "json", path, status=SOME_ITEMS).errors()
        self.assertEqual([(error["source"], error["line"]) for error in errors], [(str(path), 3), (str(path), 4)])
        stopped = self.import_in_order("--key", "json", "--on-error", "stop", path, status=SOME_ITEMS)
        self.assertEqual(stopped.json()[0]["end"], "stopped")

    def test_a_line_over_the_limit_is_named_and_the_next_one_taken(self):
        path = self.write("lines.txt", b"1234\n12345\n" + b"x" * 1_000_000 + b"\r\nabcd\r\n")
        ended = self.import_in_order("--item-limit", "4", path, status=SOME_ITEMS)
        self.assertEqual([error["line"] for error in ended.errors()], [2, 3])
        self.assertEqual(list(self.exported().values()), [b"1234", b"abcd"])

    def test_the_first_line_of_a_stream_is_saved_at_once_however_short(self):
        process = start("import", "--acks", "--quiet", "--data", self.data, "-")
        with Acks(process) as acks:
            process.stdin.write(b"x\n")
            process.stdin.flush()
            self.assertTrue(acks.wait_for(1, timeout=20))


class ExportTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.contents = [b"line %d \xe9" % number for number in range(3000)]
        self.itemgate("import", "--senders", 1, "-", stdin=b"\n".join(self.contents))
        self.items = self.exported()

    def test_what_was_exported_raw_imports_as_the_same_store(self):
        self.assertEqual(list(self.items.values()), self.contents)
        for name in ("items.txt", "items.txt.gz", "items.txt.zst"):
            with self.subTest(name):
                self.itemgate("export", "--format", "raw", "--output", self.folder / name)
                first, self.data = self.data, self.folder / f"data-{name}"
                self.itemgate("import", "--senders", 1, self.folder / name)
                self.assertEqual(self.exported(), self.items)
                self.data = first
                again = self.itemgate("import", "--json", self.folder / name).json()[0]
                self.assertEqual((again["created"], again["duplicates"]), (0, len(self.contents)))

    def test_compressed_exports_are_what_other_tools_read(self):
        plain = self.itemgate("export").out
        for name, tool in (("a.ndjson.gz", "gzip"), ("a.ndjson.zst", "zstd")):
            self.itemgate("export", "--output", self.folder / name)
            read = subprocess.run([tool, "-dc", self.folder / name], capture_output=True, check=True)
            self.assertEqual(read.stdout, plain)

    def test_a_part_can_be_exported(self):
        self.save(b"other", "--scope", "other", "--media-type", "text/plain")
        item = json.loads(self.itemgate("export", "--scope", "other").out)
        self.assertEqual((item["id"], item["media_type"], item["length"]), (3001, "text/plain", 5))
        self.assertEqual((item["scope"], item["content"]), ("other", "other"))
        self.assertEqual(len(self.exported(after=2990)), 11)


if __name__ == "__main__":
    unittest.main()
