#!/usr/bin/env python3
"""Every parameter that the OpenAPI document declares does what docs/http-api.md says of it: a good value has its
effect, a bad one its refusal. A parameter that has no row here fails, and so does a row without a parameter.
"""

import base64
import hashlib
import itertools
import json
import tempfile
import time
import unittest
from pathlib import Path

from backend_server import Backend
from contract_calls import BATCHES, CONTENT, FRAMES, SAVES, Calls, digest_of, operation_of
from serving import Server, contract

LIST = "/v1/items"
INVALID, IGNORED = "400 invalid_argument", None
# By place and name: bad values, and what they are refused with. Nothing: what is not understood is documented to be
# ignored, and the effect is that it is.
BAD = {
    ("path", "id"): (["x", "0", "-1", "1.0"], "404 not-found"),
    ("path", "digest"): (["x", "0" * 63, "g" * 64], INVALID),
    ("path", "operation"): (["x", "0" * 64, "0" * 64 + ".a%20b"], "404 not-found"),
    ("path", "scope"): (["a%20b", "%ff", "x" * 129], INVALID),
    ("query", "scope"): (["", "a%20b", "x" * 129], INVALID),
    ("query", "after"): (["x", "-1", "", "1.5"], INVALID),
    ("query", "content"): (["maybe", "", "1"], INVALID),
    ("query", "limit"): (["x", "0", "1001", ""], INVALID),
    ("query", "wait"): (["soon", "-1", "nan", ""], INVALID),
    ("header", "Item-Scope"): (["a b", "", "x" * 129], INVALID),
    ("header", "If-In-Flight"): (["maybe", ""], INVALID),
    ("header", "Content-Digest"): (["sha-256=x", "sha-512=:eA==:"], INVALID),
    ("header", "Repr-Digest"): (["sha-256=x", "sha-512=:eA==:"], INVALID),
    ("header", "Idempotency-Key"): (["", '""', 'a"b'], "400 key-invalid"),
    ("header", "Item-Media-Type"): (["text/plain"], INVALID),  # of lines; frames have no media types of their own
    ("header", "Last-Event-ID"): (["x", "-1"], INVALID),
    ("header", "Request-Timeout"): (["soon", "-1"], INVALID),
    ("header", "If-None-Match"): (['"x"', "x"], INVALID),  # of a save; a reader's may be any
    ("header", "Prefer"): IGNORED,
    ("header", "X-Request-Id"): IGNORED,
    ("header", "traceparent"): IGNORED,
}
LISTS = ("Prefer", "If-None-Match")  # headers that may stand there more than once


def name_of_test(place, name):
    return f"effect_of_{place}_{name.lower().replace('-', '_')}"


class ParameterTest(unittest.TestCase):
    """On a server whose first items are "called", "other" and, in another scope, "elsewhere", and that saves "slow 1"
    and "slow 2" all the time."""

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.backend = cls.enterClassContext(Backend())
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="itemgate-test-")))
        server = cls.enterClassContext(Server(folder, "--backend.url", cls.backend.url))
        cls.api = Calls(server, contract())
        for content, scope in ((b"called", None), (b"other", None), (b"elsewhere", "elsewhere")):
            assert server.save(content, scope).status == 201
        for content in (b"slow 1", b"slow 2"):
            cls.backend.hold("save", content)
            assert server.save(content, Prefer="respond-async").status == 202
        cls.numbers = itertools.count()

    def content(self):
        return b"content %d" % next(self.numbers)

    def parameters(self):
        """(method, path, place, name) of all."""
        for method, path, operation in self.api.operations():
            for parameter in operation["parameters"]:
                if "$ref" in parameter:
                    parameter = self.api.common[parameter["$ref"].rpartition("/")[2]]
                yield method, path, parameter["in"], parameter["name"]

    def ask(self, method, path, place, name, value, **variation):
        """The good request with that parameter."""
        if place == "query":
            return self.api.ask(method, path, f"{name}={value}", **variation)
        if place == "path":
            return self.api.ask(method, path, **{name: value}, **variation)
        headers = {name: value} | variation.pop("headers", {})
        return self.api.ask(method, path, headers=headers, **variation)

    def said(self, answer, method):
        return f"{answer.status}" + (f" {answer.code}" if answer.status >= 400 and method != "HEAD" else "")

    def test_each_has_a_row_and_each_row_a_parameter(self):
        declared = {(place, name) for _, _, place, name in self.parameters()}
        self.assertEqual(declared, set(BAD))
        rows = {name for name in dir(self) if name.startswith("effect_of_")}
        self.assertEqual({name_of_test(*parameter) for parameter in declared}, rows)

    def test_each_has_its_effect(self):
        for method, path, place, name in self.parameters():
            if method != "HEAD":
                with self.subTest(f"{name} of {method} {path}"):
                    getattr(self, name_of_test(place, name))(method, path)

    def test_bad_values_are_refused(self):
        for method, path, place, name in self.parameters():
            reads_tags = name == "If-None-Match" and (method, path) not in SAVES
            if BAD[place, name] is not IGNORED and not reads_tags:
                values, refusal = BAD[place, name]
                for value in values:
                    with self.subTest(f"{name} of {method} {path}", value=value):
                        answer = self.ask(method, path, place, name, value)
                        self.assertEqual(self.said(answer, method), refusal[:3] if method == "HEAD" else refusal)

    def test_a_head_is_as_with_get(self):
        good = {"after": "1", "content": "false", "limit": "1", "scope": "elsewhere", "wait": "0", "id": "2",
                "digest": digest_of(b"other"), "operation": operation_of(b"other"), "Item-Scope": "elsewhere",
                "If-None-Match": "*", "Last-Event-ID": "1", "Request-Timeout": "0"}
        for method, path, place, name in self.parameters():
            if method == "HEAD" and name in good:
                with self.subTest(f"{name} of {path}"):
                    get, head = (self.ask(method, path, place, name, good[name]) for method in ("GET", "HEAD"))
                    self.assertEqual(head.status, get.status)
                    for field in ("content-type", "etag", "item-id", *(["content-length"] if path == LIST else ())):
                        self.assertEqual(head.fields.get(field), get.fields.get(field), field)

    def test_what_stands_there_twice_or_is_not_declared_is_refused(self):
        declared = {}
        for method, path, place, name in self.parameters():
            names = declared.setdefault((method, path), set())
            if place == "query":
                names.add(name)
                self.assert_refused(method, path, f"{name}=1&{name}=1")
            elif place == "header" and name not in LISTS:
                self.assert_refused(method, path, headers={name: "1", name.swapcase(): "1"})
        anywhere = set().union(*declared.values())
        for (method, path), names in declared.items():
            for name in {"undeclared", *anywhere} - names:
                self.assert_refused(method, path, f"{name}=1")

    def assert_refused(self, method, path, query="", headers=()):
        with self.subTest(f"{method} {path}?{query}", headers=headers):
            answer = self.api.ask(method, path, query, headers=headers)
            self.assertEqual(self.said(answer, method), "400" if method == "HEAD" else INVALID)

    # The effects, one for each row.

    def effect_of_path_id(self, method, path):
        self.assertEqual(self.api.ask(method, path, id="2").body, b"other")

    def effect_of_path_digest(self, method, path):
        if method == "GET":
            self.assertEqual(self.api.ask(method, path, digest=digest_of(b"other")).body, b"other")
        else:
            for digest, said in ((digest_of(b"called"), "200"), (digest_of(b"other"), "422 other-content")):
                self.assertEqual(self.said(self.api.ask(method, path, digest=digest), method), said)

    def effect_of_path_operation(self, method, path):
        operation = operation_of(b"other")
        answer = self.api.ask(method, path, operation=operation)
        if method == "GET":
            self.assertEqual(answer.json(), {"operation": operation, "state": "saved", "id": 2})
        else:  # it cannot be resolved, for it is not parked; http_contract_test.py has such that are
            self.assertEqual(self.said(answer, method), "404 not-found")

    def effect_of_path_scope(self, method, path):
        self.assert_saves_into("elsewhere", method, path, scope="elsewhere")

    def assert_saves_into(self, expected, method, path, **variation):
        content = self.content()
        body = json.dumps({"content": content.decode()}).encode() if path in BATCHES else content
        self.assertIn(self.api.ask(method, path, body=body, **variation).status, (200, 201))
        self.assertEqual(self.find(content, expected).fields["item-scope"], expected)

    def find(self, content, scope="default"):
        return self.api.ask("GET", CONTENT, f"scope={scope}", digest=digest_of(content))

    def effect_of_query_scope(self, method, path):
        for scope, status in (("elsewhere", 200), ("default", 404)):
            answer = self.api.ask(method, path, f"scope={scope}", digest=digest_of(b"elsewhere"))
            self.assertEqual(answer.status, status)

    def effect_of_header_item_scope(self, method, path):
        for scope, there in (("elsewhere", True), ("default", False)):
            headers, digest = {"Item-Scope": scope}, digest_of(b"elsewhere")
            if (method, path) in SAVES or path in BATCHES:
                self.assert_saves_into(scope, method, path, headers=headers)
            elif path == CONTENT:
                answer = self.api.ask(method, path, headers=headers, digest=digest)
                self.assertEqual(answer.status, 200 if there else 404)
            else:
                answer = self.api.ask(method, path, headers=headers, body=json.dumps({"sha256": [digest]}).encode())
                self.assertEqual(answer.json()["missing"], [] if there else [digest])

    def effect_of_query_after(self, method, path):
        told = self.api.ask(method, path, "after=1").json()
        self.assertEqual((told["items"][0] if path == LIST else told)["id"], 2)

    def effect_of_header_last_event_id(self, method, path):
        self.assertEqual(self.api.ask(method, path, "after=1", headers={"Last-Event-ID": "2"}).json()["id"], 3)

    def effect_of_query_content(self, method, path):
        for value in ("true", "false"):
            told = self.api.ask(method, path, f"after=0&content={value}").json()
            self.assertEqual("content" in (told["items"][0] if path == LIST else told), value == "true")

    def effect_of_query_limit(self, method, path):
        for limit in (1, 2):
            told = self.api.ask(method, path, f"limit={limit}").json()
            self.assertEqual(len(told["items" if path == LIST else "saves"]), limit)

    def effect_of_query_wait(self, method, path):
        begin = time.monotonic()
        self.assertEqual(self.api.ask(method, path, "wait=0.3", operation=operation_of(b"slow 1")).json()["state"],
                         "in-progress")
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)

    def effect_of_header_prefer(self, method, path):
        for value, applied in (("wait=7", "wait=7"), ("wait=soon, x=y", None)):
            answer = self.api.ask(method, path, headers={"Prefer": value})
            self.assertEqual(answer.fields.get("preference-applied"), applied)
            self.assertIn(answer.status, (200, 201))

    def effect_of_header_if_in_flight(self, method, path):
        body = b"slow 1" if (method, path) in SAVES else b'{"content": "slow 1"}\n'
        for value, status in (("reject", 409), ("join", 202)):
            headers = {"If-In-Flight": value, "Prefer": "wait=0"}
            answer = self.api.ask(method, path, headers=headers, body=body, scope="default")
            self.assertEqual(answer.status if (method, path) in SAVES else answer.lines()[0]["status"], status)

    def effect_of_header_content_digest(self, method, path, name="Content-Digest"):
        for content, said in ((b"called", "20"), (b"other", "400 digest-mismatch")):
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            answer = self.api.ask(method, path, headers={name: f"sha-256=:{digest}:"})
            self.assertTrue(self.said(answer, method).startswith(said), answer)

    def effect_of_header_repr_digest(self, method, path):
        self.effect_of_header_content_digest(method, path, "Repr-Digest")

    def effect_of_header_idempotency_key(self, method, path):
        content = self.content()
        for replayed in ("false", "true"):
            answer = self.api.ask(method, path, body=content, headers={"Idempotency-Key": f'"{method} {path}"'})
            self.assertEqual((answer.status, answer.fields["idempotent-replayed"]), (201, replayed))

    def effect_of_header_if_none_match(self, method, path):
        if (method, path) in SAVES:
            for status in (201, 412):
                body = b"only once, by %b %b" % (method.encode(), path.encode())
                self.assertEqual(self.api.ask(method, path, headers={"If-None-Match": "*"}, body=body).status, status)
        else:
            for tag, status in ((digest_of(b"called"), 304), ("x", 200)):
                self.assertEqual(self.api.ask(method, path, headers={"If-None-Match": f'"{tag}"'}).status, status)

    def effect_of_header_item_media_type(self, method, path):
        content = self.content()
        self.api.ask(method, path, headers={"Content-Type": FRAMES, "Item-Media-Type": "x/framed"}, scope="default",
                     body=len(content).to_bytes(4, "little") + content)
        self.assertEqual(self.find(content).fields["content-type"], "x/framed")

    def effect_of_header_request_timeout(self, method, path):
        patient = self.said(self.api.ask(method, path, headers={"Request-Timeout": "30"}), method)
        self.assertEqual(patient, self.said(self.api.ask(method, path), method))
        hasty = self.api.ask(method, path, headers={"Request-Timeout": "0"})
        self.assertEqual(self.said(hasty, method), "503 deadline-passed")

    def effect_of_header_x_request_id(self, method, path):
        for value, taken in ((f"my-{next(self.numbers)}", True), ("not one", False), ("x" * 129, False)):
            answer = self.api.ask(method, path, headers={"X-Request-Id": value})
            self.assertEqual(answer.fields["x-request-id"] == value, taken)

    def effect_of_header_traceparent(self, method, path):
        """It goes to problems; that it goes to the log has a test in http_operation_test.py."""
        for trace_id, taken in (("a" * 32, True), ("0" * 32, False)):
            headers = {"traceparent": f"00-{trace_id}-{'b' * 16}-01"}
            problem = self.api.ask(method, path, "undeclared=1", headers=headers).json()
            self.assertEqual(problem.get("trace_id"), trace_id if taken else None)


if __name__ == "__main__":
    unittest.main()
