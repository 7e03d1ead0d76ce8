#!/usr/bin/env python3
"""The HTTP contract, docs/http-api.md: saving one item and all of its outcomes. Reading: http_read_test.py."""

import base64
import hashlib
import json
import select
import socket
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from http_connection import request_bytes
from serving import ContractTest, wait_until

ITEM = {"Content-Type": "application/vnd.itemgate.item+json"}


def operation_of(content, scope="default"):
    return f"{hashlib.sha256(content).hexdigest()}.{scope}"


def digest_of(content, algorithm="sha256"):
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


class SaveTest(ContractTest):
    def assert_created(self, answer):
        self.assertEqual((answer.status, answer.outcome), (201, "created"), answer)
        self.assertEqual(answer.json(), {"outcome": "created", "id": answer.id})
        self.assertEqual(answer.fields["location"], f"/v1/items/{answer.id}")
        return answer.id

    def assert_duplicate(self, answer, item_id):
        self.assertEqual((answer.status, answer.outcome), (200, "duplicate"), answer)
        self.assertEqual(answer.json(), {"outcome": "duplicate", "id": item_id})
        self.assertEqual((answer.id, answer.fields["content-location"]), (item_id, f"/v1/items/{item_id}"))
        self.assertNotIn("location", answer.fields)

    def test_a_new_content_is_created_and_then_a_duplicate(self):
        item_id = self.assert_created(self.server.save(b"hello"))
        for _ in range(3):
            self.assert_duplicate(self.server.save(b"hello"), item_id)
        self.assertEqual(self.server.get(f"/v1/items/{item_id}").body, b"hello")

    def test_bodies_come_as_whole_or_in_chunks(self):
        with self.server.connect() as connection:
            head = request_bytes("POST", "/v1/items", headers={"Transfer-Encoding": "chunked"})
            connection.send(head + b"3;ext=1\r\nin \r\n6\r\nchunks\r\n0\r\nX-Trailer: x\r\n\r\n")
            item_id = self.assert_created(connection.answer())
        self.assert_duplicate(self.server.save(b"in chunks"), item_id)

    def test_scopes_of_path_and_header(self):
        ids = {scope: self.assert_created(self.server.save(b"scoped", scope=scope)) for scope in ("one", "two", None)}
        self.assertEqual(len(set(ids.values())), 3)
        self.assert_duplicate(self.server.request("POST", "/v1/scopes/one/items", b"scoped"), ids["one"])
        self.assert_duplicate(self.server.request("POST", "/v1/scopes/default/items", b"scoped"), ids[None])
        self.assertEqual(self.server.get(f"/v1/items/{ids['two']}").fields["item-scope"], "two")
        for scope in ("", "a b", "x" * 1000, "a/b"):
            with self.subTest(scope[:9]):
                self.assert_problem(self.server.request("POST", "/v1/items", b"x", {"Item-Scope": scope}), 400,
                                    "invalid_argument")

    def test_a_json_scope_compares_values_and_keeps_the_first_spelling(self):
        first, second = b'{"a": 1, "b": [1.0]}', b'{"b":[1],"a":1e0}'
        item_id = self.assert_created(self.server.save(first, scope="values+json"))
        self.assert_duplicate(self.server.save(second, scope="values+json"), item_id)
        self.assertEqual(self.server.get(f"/v1/items/{item_id}").body, first)
        self.assert_created(self.server.save(second, scope="values"))
        for content in (b"not json", b'{"a":1,"a":2}', b"9007199254740993", b"NaN"):
            self.assert_problem(self.server.save(content, scope="values+json"), 422, "not-canonical")

    def test_the_media_type_is_kept(self):
        for number, kind in enumerate(("text/plain; charset=koi8-r", "application/json", "x/y+z",
                                       "image/svg+xml;a=\"b;c\"")):
            item_id = self.assert_created(self.server.save(b"media %d" % number, Content_Type=kind))
            self.assertEqual(self.server.get(f"/v1/items/{item_id}").fields["content-type"], kind)
        plain = self.assert_created(self.server.save(b"no media type"))
        self.assertEqual(self.server.get(f"/v1/items/{plain}").fields["content-type"], "application/octet-stream")

    def test_only_create(self):
        item_id = self.assert_created(self.server.save(b"only create", If_None_Match="*"))
        problem = self.assert_problem(self.server.save(b"only create", If_None_Match="*"), 412, "already-exists")
        self.assertEqual(problem["itemId"], item_id)

    def test_digests_are_checked(self):
        right, wrong = digest_of(b"digest"), digest_of(b"other")
        for field in ("Content_Digest", "Repr_Digest"):
            self.assert_problem(self.server.save(b"digest", **{field: f"sha-256=:{wrong}:"}), 400, "digest-mismatch")
            answer = self.server.save(b"digest", **{field: f"sha-256=:{wrong}:, sha-256=:{wrong}:"})
            self.assert_problem(answer, 400, "digest-mismatch")
        self.assertEqual(self.server.save(b"digest", Content_Digest=f"sha-256=:{right}:").status, 201)
        sha512 = digest_of(b"digest", "sha512")
        for value in (f"sha-512=:{sha512}:", f"sha-512=:{sha512}:, sha-256=:{right}:"):
            self.assertEqual(self.server.save(b"digest", Content_Digest=value).status, 200, value)
            self.assert_problem(self.server.save(b"other", Content_Digest=value), 400, "digest-mismatch")

    def test_an_item_can_be_described(self):
        described = {"content": "text \u00e9 \U0001f600", "mediaType": "text/x", "scope": "described"}
        answer = self.server.request("POST", "/v1/items", json.dumps(described).encode(), ITEM)
        item = self.server.get(f"/v1/items/{self.assert_created(answer)}")
        self.assertEqual(item.body, described["content"].encode())
        self.assertEqual((item.fields["content-type"], item.fields["item-scope"]), ("text/x", "described"))
        encoded = {"contentBase64": base64.b64encode(bytes(range(256))).decode()}
        answer = self.server.request("POST", "/v1/items", json.dumps(encoded).encode(), ITEM)
        self.assertEqual(self.server.get(f"/v1/items/{self.assert_created(answer)}").body, bytes(range(256)))
        self.assert_duplicate(self.server.save(bytes(range(256))), answer.id)

    def test_every_answer_carries_a_request_id(self):
        self.assertEqual(self.server.save(b"id 1", X_Request_Id="my-id.1").fields["x-request-id"], "my-id.1")
        made = set()
        for bad in (None, "", "x" * 129, "a b", "\xe9"):
            headers = {} if bad is None else {"X-Request-Id": bad}
            answer = self.server.get("/v1/nothing", headers)
            self.assert_problem(answer, 404, "not-found")
            self.assertRegex(answer.fields["x-request-id"], r"\A[\x21-\x7e]{1,128}\Z")
            self.assertNotEqual(answer.fields["x-request-id"], bad)
            made.add(answer.fields["x-request-id"])
        self.assertEqual(len(made), 5)
        self.assertEqual(self.server.get("/v1/stats", {"X-Request-Id": "x" * 128}).fields["x-request-id"], "x" * 128)

    def test_problems_carry_the_trace_id(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        answer = self.server.get("/v1/items/999999", {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        self.assertEqual(self.assert_problem(answer, 404, "not-found")["trace_id"], trace)
        for bad in ("", "00", f"00-{trace}-00f067aa0ba902b7", f"ff-{trace}-00f067aa0ba902b7-01",
                    f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{trace.upper()}-00f067aa0ba902b7-01"):
            answer = self.server.get("/v1/items/999999", {"traceparent": bad})
            self.assertNotEqual(self.assert_problem(answer, 404, "not-found").get("trace_id"), trace, bad)

    def test_malformed_headers_are_named(self):
        for name, value in (("If-In-Flight", "maybe"), ("Request-Timeout", "soon"), ("Request-Timeout", "-1"),
                            ("Item-Scope", "\xff"), ("Content-Type", "text/\xff")):
            with self.subTest(name, value=value):
                answer = self.server.request("POST", "/v1/items", b"malformed", {name: value})
                self.assertIn(name.lower(), self.assert_problem(answer, 400, "invalid_argument")["detail"].lower())

    def test_work_whose_deadline_has_passed_is_not_begun(self):
        answer = self.server.save(b"too late", Request_Timeout="0")
        self.assert_problem(answer, 503, "deadline-passed")
        self.assertIn("retry-after", answer.fields)
        self.assertEqual(self.server.save(b"too late", Request_Timeout="30").status, 201)


class IdempotencyKeyTest(ContractTest):
    FLAGS = ("--backend.simulated-delay", "300ms")

    def keyed(self, content, key, **headers):
        return self.server.save(content, Idempotency_Key=key, **headers)

    def test_a_replay_is_the_stored_answer(self):
        first = self.keyed(b"keyed", '"replay"')
        self.assertEqual((first.status, first.fields["idempotent-replayed"]), (201, "false"))
        for key in ('"replay"', "replay"):
            again = self.keyed(b"keyed", key)
            self.assertEqual((again.status, again.fields["idempotent-replayed"]), (201, "true"))
            self.assertEqual((again.body, again.id), (first.body, first.id))
        self.assertEqual(self.server.save(b"keyed").outcome, "duplicate", "the content decides, not the key")
        self.assertEqual(self.keyed(b"keyed", '"other"').outcome, "duplicate")

    def test_a_key_belongs_to_one_content_in_one_scope(self):
        self.assertEqual(self.keyed(b"content 1", '"one"').status, 201)
        self.assert_problem(self.keyed(b"content 2", '"one"'), 422, "key-reused")
        self.assertEqual(self.keyed(b"content 2", '"one"', Item_Scope="elsewhere").status, 201)

    def test_a_key_in_use_is_a_conflict(self):
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.keyed, b"concurrent", '"busy"')
            wait_until(lambda: self.server.stats()["in_flight"] > 0, "the first save is under way")
            answer = self.keyed(b"concurrent", '"busy"')
            self.assert_problem(answer, 409, "request-in-progress")
            self.assertIn("retry-after", answer.fields)
            self.assertEqual(first.result().status, 201)
        self.assertEqual(self.keyed(b"concurrent", '"busy"').fields["idempotent-replayed"], "true")

    def test_a_key_whose_request_was_handed_back_replays_how_it_ended(self):
        answer = self.keyed(b"later", '"later"', Prefer="respond-async")
        self.assertEqual((answer.status, answer.fields["idempotent-replayed"]), (202, "false"))
        wait_until(lambda: self.server.stats()["in_flight"] == 0, "it is saved")
        again = self.keyed(b"later", '"later"')
        self.assertEqual((again.status, again.outcome, again.fields["idempotent-replayed"]), (201, "created", "true"))

    def test_malformed_keys(self):
        for key in ('""', '"a', 'a"b', '"a" "b"', '"' + "x" * 256 + '"', '"a\tb"', "\xe9", '"a"; x', ""):
            with self.subTest(key):
                self.assert_problem(self.keyed(b"malformed", key), 400, "key-invalid")
        for key in ('"' + "x" * 255 + '"', '"order 17"', '" "', "!'~"):
            self.assertEqual(self.keyed(b"well-formed", key).fields["idempotent-replayed"], "false", key)
            self.assertEqual(self.keyed(b"well-formed", key).fields["idempotent-replayed"], "true", key)


class SlowSaveTest(ContractTest):
    FLAGS = ("--backend.simulated-delay", "1s", "--save.wait-default", "20s")

    def begin(self, content, scope=None):
        answer = self.server.save(content, scope, Prefer="respond-async")
        self.assertEqual(answer.status, 202)
        return answer

    def attach(self, operation):
        return self.server.get(f"/v1/operations/{operation}?wait=20").json()

    def test_all_who_bring_a_content_at_once_get_one_item(self):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.server.save(b"together"), range(8)))
        self.assertEqual(sorted(answer.outcome for answer in answers), ["created"] + ["joined"] * 7)
        for answer in answers:
            created = answer.outcome == "created"
            self.assertEqual(answer.status, 201 if created else 200)
            self.assertEqual(answer.json(), {"outcome": answer.outcome, "id": answers[0].id})
            self.assertEqual(answer.fields["location" if created else "content-location"], f"/v1/items/{answer.id}")
            self.assertEqual(answer.id, answers[0].id)

    def assert_in_progress(self, answer, content):
        operation = operation_of(content)
        self.assertEqual((answer.status, answer.outcome), (202, "in-progress"))
        self.assertEqual(answer.json(), {"outcome": "in-progress", "operation": operation})
        self.assertEqual(answer.fields["location"], f"/v1/operations/{operation}")
        self.assertGreater(int(answer.fields["retry-after"]), 0)
        self.assertNotIn("item-id", answer.fields)

    def test_respond_async_answers_at_once_and_the_save_goes_on(self):
        answer = self.server.save(b"async", Prefer="respond-async")
        self.assert_in_progress(answer, b"async")
        self.assertEqual(answer.fields["preference-applied"], "respond-async")
        operation = operation_of(b"async")
        self.assertEqual(self.server.get(f"/v1/operations/{operation}").json(),
                         {"operation": operation, "state": "in-progress"})
        saved = self.attach(operation)
        self.assertEqual(saved, {"operation": operation, "state": "saved", "id": saved["id"]})
        self.assertEqual(self.server.save(b"async", Prefer="respond-async").id, saved["id"])

    def test_waiting_ends_as_preferred(self):
        begin = time.monotonic()
        answer = self.server.save(b"waiting", Prefer="wait=0.3")
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)
        self.assertLess(time.monotonic() - begin, 0.95)
        self.assert_in_progress(answer, b"waiting")
        self.assertEqual(answer.fields["preference-applied"], "wait=0.3")
        long = self.server.save(b"waiting", Prefer="wait=10, foo=bar")
        self.assertEqual((long.outcome, long.fields["preference-applied"]), ("joined", "wait=10"))

    def test_waiting_ends_with_the_callers_patience(self):
        answer = self.server.save(b"patience", Request_Timeout="0.3")
        self.assert_in_progress(answer, b"patience")

    def test_those_who_would_not_wait_are_refused(self):
        self.begin(b"rejecting")
        for headers in ({"If_In_Flight": "reject"}, {"If_None_Match": "*"}):
            answer = self.server.save(b"rejecting", **headers)
            problem = self.assert_problem(answer, 409, "content-in-progress")
            self.assertEqual((problem["operation"], problem["retryable"]), (operation_of(b"rejecting"), True))
            self.assertEqual(answer.outcome, "in-progress")
            self.assertGreater(int(answer.fields["retry-after"]), 0)
        item_id = self.attach(operation_of(b"rejecting"))["id"]
        answer = self.server.save(b"rejecting", If_None_Match="*")
        self.assertEqual(self.assert_problem(answer, 412, "already-exists")["itemId"], item_id)
        self.assertEqual(self.server.save(b"rejecting", If_In_Flight="reject").outcome, "duplicate")
        self.assertEqual(self.server.save(b"joining", If_In_Flight="join").outcome, "created")

    def test_operations_have_names_that_anybody_can_make(self):
        self.begin(b"named", scope="other")
        self.assertEqual(self.attach(operation_of(b"named", "other"))["state"], "saved")
        for unknown in (operation_of(b"named"), operation_of(b"never"), "x", "0" * 64, "0" * 64 + "."):
            self.assert_problem(self.server.get(f"/v1/operations/{unknown}?wait=0"), 404, "not-found")
        for wait in ("soon", "-1", "nan"):
            answer = self.server.get(f"/v1/operations/{operation_of(b'named', 'other')}?wait={wait}")
            self.assert_problem(answer, 400, "invalid_argument")

    def test_what_is_in_flight_can_be_seen(self):
        with ThreadPoolExecutor(2) as pool:
            owner = pool.submit(self.server.save, b"visible", "seen", X_Request_Id="the-owner")
            wait_until(lambda: self.find(operation_of(b"visible", "seen")), "the save is in flight")
            joiner = pool.submit(self.server.save, b"visible", "seen")
            save = wait_until(lambda: self.find(operation_of(b"visible", "seen"), waiters=1), "one has joined")
            self.assertEqual((save["scope"], save["sha256"]), ("seen", hashlib.sha256(b"visible").hexdigest()))
            self.assertEqual(save["sender"], "127.0.0.1 the-owner")
            self.assertLess(save["for_seconds"], 2)
            self.assertRegex(save["since"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
            self.assertEqual((owner.result().outcome, joiner.result().outcome), ("created", "joined"))
        self.assertIsNone(self.find(operation_of(b"visible", "seen")))

    def find(self, operation, waiters=0):
        answer = self.server.get("/v1/inflight?limit=1000").json()
        return next((save for save in answer["saves"]
                     if save["operation"] == operation and save["waiters"] >= waiters), None)

    def test_a_save_goes_on_without_its_caller(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/items", b"abandoned"))
            wait_until(lambda: self.find(operation_of(b"abandoned")), "the save is in flight")
            connection.reset()
        self.assertEqual(self.attach(operation_of(b"abandoned"))["state"], "saved")

    def test_a_batch_does_not_wait_longer_than_it_prefers(self):
        lines = self.server.batch([{"content": "batch 1"}, {"content": "batch 2"}], {"Prefer": "wait=0.1"})
        self.assertEqual([(line["status"], line["outcome"]) for line in lines[:2]], [(202, "in-progress")] * 2)
        self.assertEqual((lines[2]["in_progress"], lines[2]["created"]), (2, 0))
        refused = self.server.batch([{"content": "batch 1"}], {"If-In-Flight": "reject"})[0]
        self.assertEqual((refused["status"], refused["outcome"]), (409, "in-progress"))
        self.assertEqual(self.attach(operation_of(b"batch 2"))["state"], "saved")


class BreakingBackendTest(ContractTest):
    """What is answered when the backend leaves without an answer."""

    @classmethod
    def setUpClass(cls):
        cls.backend = cls.enterClassContext(socket.create_server(("127.0.0.1", 0)))
        cls.FLAGS = ("--backend.url", "http://127.0.0.1:%d" % cls.backend.getsockname()[1])
        super().setUpClass()

    def save(self, content, answer_to_look_up):
        """Saves it, while the backend answers so when it is asked for an item, and not at all to a save."""
        with ThreadPoolExecutor(1) as pool:
            saving = pool.submit(self.server.save, content)
            while not saving.done():
                if select.select([self.backend], [], [], 0.1)[0]:
                    self.take_a_call(answer_to_look_up)
        return saving.result()

    def take_a_call(self, answer_to_look_up):
        with self.backend.accept()[0] as connection:
            if connection.recv(65536).startswith(b"HEAD"):
                connection.sendall(answer_to_look_up)

    def test_a_save_whose_call_broke_off_may_be_there(self):
        answer = self.save(b"broken off", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.assert_problem(answer, 502, "save-unknown")
        self.assertEqual(answer.outcome, "unknown")

    def test_a_save_that_was_not_begun_has_failed(self):
        answer = self.save(b"not begun", b"")
        self.assert_problem(answer, 502, "save-failed")
        self.assertEqual(answer.outcome, "failed")


if __name__ == "__main__":
    unittest.main()
