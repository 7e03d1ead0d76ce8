#!/usr/bin/env python3
"""The HTTP contract, docs/http-api.md: reading items, what the server says of itself, and its OpenAPI document."""

import base64
import hashlib
import json
import re
import socket
import unittest

from http_connection import request_bytes
from serving import ContractTest

JSON = {"Content-Type": "application/json"}
BATCH_TYPES = ("application/x-ndjson", "application/ndjson", "application/vnd.itemgate.batch")


def hex_of(content):
    return hashlib.sha256(content).hexdigest()


class ReadTest(ContractTest):
    def save(self, content, **headers):
        answer = self.server.save(content, **headers)
        self.assertEqual(answer.status, 201)
        return answer.id

    def test_an_item_comes_back_with_all_that_is_known_of_it(self):
        content = bytes(range(256)) * 10
        item_id = self.save(content, Content_Type="application/x-thing", Item_Scope="things")
        answer = self.server.get(f"/v1/items/{item_id}")
        self.assertEqual((answer.status, answer.body, answer.id), (200, content, item_id))
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        expected = {"content-type": "application/x-thing", "item-scope": "things", "etag": f'"{hex_of(content)}"',
                    "repr-digest": f"sha-256=:{digest}:", "x-content-type-options": "nosniff",
                    "content-length": str(len(content))}
        self.assertEqual({name: answer.fields.get(name) for name in expected}, expected)
        self.assertRegex(answer.fields["content-disposition"], r"\Aattachment\b")
        self.assertRegex(answer.fields["item-saved-at"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")

    def test_an_unchanged_item_is_not_sent_again(self):
        item_id = self.save(b"cached")
        tag = self.server.get(f"/v1/items/{item_id}").fields["etag"]
        for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = self.server.get(f"/v1/items/{item_id}", {"If-None-Match": value})
            self.assertEqual((answer.status, answer.body, answer.fields["etag"]), (304, b"", tag), value)
        for value in ('"x"', tag.strip('"')):
            self.assertEqual(self.server.get(f"/v1/items/{item_id}", {"If-None-Match": value}).status, 200, value)
        self.assertEqual(self.server.get(f"/v1/contents/sha256/{hex_of(b'cached')}", {"If-None-Match": tag}).status,
                         304)

    def test_head_is_get_without_the_body(self):
        item_id = self.save(b"only the head")
        for target in (f"/v1/items/{item_id}", f"/v1/contents/sha256/{hex_of(b'only the head')}", "/v1/items?limit=1",
                       "/v1/stats", "/v1/items/987654", "/"):
            with self.subTest(target):
                get, head = self.server.get(target), self.server.request("HEAD", target)
                self.assertEqual((head.status, head.body), (get.status, b""))
                self.assertEqual(head.fields["content-type"], get.fields["content-type"])
                if target != "/v1/stats":
                    self.assertEqual(head.fields["content-length"], get.fields["content-length"])

    def test_a_content_is_found_by_its_digest_in_its_scope(self):
        item_id = self.save(b"find me", Item_Scope="here")
        target = "/v1/contents/sha256/" + hex_of(b"find me")
        for answer in (self.server.get(f"{target}?scope=here"), self.server.get(target, {"Item-Scope": "here"}),
                       self.server.get(target.replace(hex_of(b"find me"), hex_of(b"find me").upper()) + "?scope=here")):
            self.assertEqual((answer.status, answer.body), (200, b"find me"))
            self.assertEqual(answer.fields["content-location"], f"/v1/items/{item_id}")
        self.assertEqual(self.server.request("HEAD", f"{target}?scope=here").id, item_id)
        self.assert_problem(self.server.get(target), 404, "not-found")
        self.assertEqual(self.server.request("HEAD", target).status, 404)

    def test_missing_contents_are_named(self):
        self.save(b"known", Item_Scope="missing")
        known, unknown = hex_of(b"known"), [hex_of(b"unknown %d" % n) for n in range(5)]
        def missing(digests, scope):
            body = json.dumps({"scope": scope, "sha256": digests}).encode()
            return self.server.request("POST", "/v1/contents:findMissing", body, JSON)
        self.assertEqual(missing([*unknown, known], "missing").json(), {"missing": unknown})
        self.assertEqual(missing([known], "default").json(), {"missing": [known]})
        self.assertEqual(missing([], "missing").json(), {"missing": []})
        self.assertEqual(missing(["0" * 64] * 10_000, "missing").status, 200)
        for digests in (["0" * 64] * 10_001, ["0" * 63], ["g" * 64], [5], "0" * 64, None):
            answer = missing(digests, "missing")
            self.assertEqual(answer.status, 400)
            self.assertIn(answer.code, ("invalid_argument", "invalid_content", "invalid_json"))


class SmallContentsTest(ContractTest):
    """What a content may have at most says nothing of questions and resolutions."""
    FLAGS = ("--limits.body-bytes", "1000")

    def assert_bound(self, target, body, bytes_max, status):
        """A body of so many bytes is answered with this status; of one more, with 413 before it is sent."""
        padded = body + b" " * (bytes_max - len(body))
        self.assertEqual(self.server.request("POST", target, padded, JSON).status, status)
        with self.server.connect() as connection:
            connection.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n" % (target.encode(), bytes_max + 1))
            self.assert_problem(connection.answer(), 413, "too-large")

    def test_as_many_contents_as_the_configuration_says_can_be_asked_for_at_once(self):
        count = self.server.get("/v1/config").json()["limits"]["find_missing_digests_max"]
        digests = [hex_of(b"%d" % number) for number in range(count)]
        question = json.dumps({"scope": "default", "sha256": digests}, indent=4).encode()
        answer = self.server.request("POST", "/v1/contents:findMissing", question, JSON)
        self.assertEqual((answer.status, answer.json()), (200, {"missing": digests}))
        self.assert_problem(self.server.save(b"x" * 1001), 413, "too-large")

    def test_each_question_has_its_own_limit(self):
        self.assert_bound("/v1/contents:findMissing", b'{"sha256":[]}', 1 << 20, 200)
        self.assert_bound(f"/v1/parked/{hex_of(b'parked')}.default:resolve", b'{"as":"saved"}', 64 << 10, 404)


class ListTest(ContractTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        small = [b"item %d" % n for n in range(1, 1101)]
        cls.contents = [*small, b"\xff\x00binary", *(bytes([n]) * (1 << 20) for n in range(6))]
        for content in cls.contents:
            cls.server.save(content, Content_Type="text/x" if content == b"item 1" else None)

    def list(self, query):
        return self.server.get(f"/v1/items?{query}").json()

    def test_pages_lead_from_one_to_the_next(self):
        self.assertEqual(list(self.server.items().values()), self.contents)
        page = self.list("after=0&limit=3")
        self.assertEqual([item["id"] for item in page["items"]], [1, 2, 3])
        self.assertEqual(page["next"], 3)
        last = self.list(f"after={len(self.contents) - 1}")
        self.assertEqual([item["id"] for item in last["items"]], [len(self.contents)])
        self.assertNotIn("next", last)
        self.assertEqual(self.list("after=99999999"), {"items": []})
        self.assertEqual(self.list("limit=1000&content=false")["next"], 1000)
        self.assertEqual(len(self.list("")["items"]), 100)

    def test_an_item_of_a_list(self):
        first, binary = self.list("limit=1")["items"][0], self.list("after=1100&limit=1")["items"][0]
        saved_at = first.pop("saved_at")
        self.assertRegex(saved_at, r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
        self.assertEqual(first, {"id": 1, "scope": "default", "length": 6, "sha256": hex_of(b"item 1"),
                                 "media_type": "text/x", "content": "item 1"})
        self.assertEqual(base64.b64decode(binary["content_base64"]), b"\xff\x00binary")
        self.assertNotIn("content", binary)
        bare = self.list("limit=1&content=false")["items"][0]
        self.assertEqual(set(first) - set(bare), {"content"})

    def test_a_page_holds_a_bounded_amount_of_content(self):
        page = self.list("after=1101&limit=100")
        self.assertIn(len(page["items"]), (4, 5))
        self.assertEqual(page["next"], page["items"][-1]["id"])

    def test_bad_parameters_are_named(self):
        for name, value in (("after", "x"), ("after", "-1"), ("after", "1.5"), ("limit", "0"), ("limit", "many"),
                            ("limit", "1001"), ("after", "18446744073709551616"), ("content", "perhaps")):
            with self.subTest(name, value=value):
                problem = self.assert_problem(self.server.get(f"/v1/items?{name}={value}"), 400, "invalid_argument")
                self.assertIn(name, problem["detail"])


class ServerItselfTest(ContractTest):
    def test_stats(self):
        before = self.server.stats()
        self.server.save(b"counted")
        self.server.save(b"counted")
        stats = self.server.stats()
        for name in ("items", "content_bytes", "disk_bytes", "syncs", "created", "duplicates", "joined", "in_progress",
                     "refused", "near_cache_hits", "in_flight"):
            self.assertIsInstance(stats[name], int, name)
        more = [stats[name] - before[name] for name in ("items", "created", "duplicates", "in_flight")]
        self.assertEqual(more, [1, 1, 1, 0])

    def test_config(self):
        config = json.dumps(self.server.get("/v1/config").json())
        for word in ("limits.body_bytes", "save.wait_default", "idempotency_key_lifetime_seconds", "digest_algorithms",
                     "sha-256"):
            self.assertIn(word, config)
        self.assertEqual(self.server.get("/v1/config").json()["idempotency_key_lifetime_seconds"], 86400)

    def test_the_front_page_says_how_to_begin(self):
        answer = self.server.get("/", {"Accept": "text/html,*/*"})
        self.assertEqual((answer.status, answer.fields["content-type"].split(";")[0]), (200, "text/plain"))
        self.assertIn(b"/v1/items", answer.body)

    def test_verify_reads_the_whole_store(self):
        for number in range(20):
            self.server.save(b"verified %d" % number)
        lines = self.server.request("POST", "/v1/store:verify").lines()
        self.assertEqual((lines[-1]["done"], lines[-1]["problem_count"], lines[-1]["problems"]), (True, 0, []))
        self.assertGreaterEqual(lines[-1]["items"], 20)
        for line in lines[:-1]:
            self.assertEqual(list(line), ["items_done"])

    def test_dates_are_dates(self):
        self.assertRegex(self.server.get("/").fields["date"], r"\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\Z")

    def test_http_1_0_and_connection_close(self):
        answer = self.server.raw(b"GET /v1/stats HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertNotIn(b"transfer-encoding", answer.lower())
        with self.server.connect() as connection:
            answer = connection.request("GET", "/v1/stats", headers={"Connection": "close"})
            self.assertTrue(answer.closes)
            self.assertEqual(connection.rest(), b"")
        with self.server.connect() as connection:
            connection.send(b"GET /v1/stats HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
            self.assertEqual(connection.answer().fields["connection"].lower(), "keep-alive")
            self.assertEqual(connection.answer().status, 200)

    def test_a_client_that_has_sent_all_is_still_answered(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items", b"half closed") + request_bytes("GET", "/v1/stats"))
            connection.socket.shutdown(socket.SHUT_WR)
            self.assertEqual((connection.answer().status, connection.answer().status), (201, 200))
            self.assertEqual(connection.rest(), b"")


class OpenApiTest(ContractTest):
    """Every declared call is made, and every answer to it is declared (which ContractTest checks of all tests)."""

    def test_every_declared_call_works(self):
        item_id = self.server.save(b"toured").id
        line = b'{"content": "toured"}\n'
        tour = {
            ("post", "/v1/items"): [b"toured", {}],
            ("post", "/v1/scopes/{scope}/items"): [b"toured", {}],
            ("post", "/v1/items:batch"): [line, {"Content-Type": "application/x-ndjson"}],
            ("post", "/v1/scopes/{scope}/items:batch"): [line, {"Content-Type": "application/ndjson"}],
            ("put", "/v1/contents/sha256/{digest}"): [b"toured", {}],
            ("post", "/v1/contents:findMissing"): [b'{"sha256": []}', JSON],
        }
        values = {"scope": "tour", "id": str(item_id), "digest": hex_of(b"toured"),
                  "operation": hex_of(b"toured") + ".default"}
        for path, methods in self.document["paths"].items():
            target = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)
            for method in set(methods) & {"get", "head", "post", "put", "patch", "delete", "options", "trace"}:
                with self.subTest(path, method=method):
                    if path == "/v1/parked/{operation}:resolve":  # nothing is; tests/postgres_test.py has what is
                        self.assertEqual(self.server.request("POST", target, b'{"as": "saved"}', JSON).status, 404)
                        continue
                    body, headers = tour.get((method, path), [b"" if method == "post" else None, {}])
                    if path == "/v1/feed":
                        self.assertEqual(self.head_of(target + "?after=0").status, 200)
                    else:
                        answer = self.server.request(method.upper(), target, body, headers)
                        self.assertIn(answer.status, (200, 201), answer)

    def head_of(self, target):
        with self.server.connect() as connection:
            connection.send(request_bytes("GET", target))
            return connection.head()

    def test_the_document_is_one(self):
        answer = self.server.get("/v1/openapi.json")
        self.assertEqual(answer.fields["content-type"].split(";")[0], "application/json")
        document = answer.json()
        self.assertRegex(document["openapi"], r"\A3\.1\.\d\Z")
        self.assertTrue(document["info"]["title"] and document["info"]["version"])
        for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))):
            part = document
            for name in reference.removeprefix("#/").split("/"):
                self.assertIn(name, part, reference)
                part = part[name]
        ids = re.findall(r'"operationId": "([^"]+)"', json.dumps(document))
        self.assertEqual(len(ids), len(set(ids)))

    def test_all_of_the_contract_is_declared(self):
        paths = self.document["paths"]
        for path in ("/v1/items", "/v1/items/{id}", "/v1/items:batch", "/v1/scopes/{scope}/items", "/v1/feed",
                     "/v1/config",
                     "/v1/scopes/{scope}/items:batch", "/v1/contents/sha256/{digest}", "/v1/contents:findMissing",
                     "/v1/operations/{operation}", "/v1/inflight", "/v1/stats", "/v1/parked",
                     "/v1/parked/{operation}:resolve", "/v1/store:verify", "/v1/openapi.json"):
            self.assertIn(path, paths)
        for kind in BATCH_TYPES:
            self.assertIn(kind, paths["/v1/items:batch"]["post"]["requestBody"]["content"])
        parameters = json.dumps(paths["/v1/items"]["post"])
        for header in ("Prefer", "If-In-Flight", "Idempotency-Key", "Content-Digest", "Request-Timeout",
                       "If-None-Match"):
            self.assertIn(header, parameters + json.dumps(self.document["components"]))


if __name__ == "__main__":
    unittest.main()
