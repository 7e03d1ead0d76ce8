"""Many servers on one PostgreSQL database: each content is saved once, under one id for everybody, whatever fails."""

import contextlib
import hashlib
import random
import re
import socket
import struct
import tempfile
import threading
import time
import unittest
from pathlib import Path

from blackbox import NOT_FOUND, OK, SERVER, SOME_ITEMS, USAGE, run
from http_connection import TIMEOUT_SECONDS
from serving import Server, wait_until
from shared_database import SharedDatabase


def read_to(answers, wanted):
    """Reads messages of the database up to the first of that kind."""
    while True:
        kind, length = struct.unpack("!ci", answers.read(5))
        answers.read(length - 4)
        if kind == wanted:
            return


class ManyServers(SharedDatabase):
    def test_each_content_is_saved_once_by_three_servers(self):
        contents = [f"content {number}" for number in range(300)]
        servers = [self.serve_shared() for _ in range(3)]
        answers, lock = [], threading.Lock()

        def send(server, seed):
            order = contents * 2
            random.Random(seed).shuffle(order)
            for content in order:
                answer = server.save(content.encode()).json()
                with lock:
                    answers.append((content, answer["outcome"], answer["id"]))

        threads = [threading.Thread(target=send, args=(server, number * 10 + repeat))
                   for number, server in enumerate(servers) for repeat in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        ids = self.audit(contents)
        self.assertEqual(len(answers), 9 * 600)
        for content, outcome, id in answers:
            self.assertIn(outcome, ("created", "duplicate", "joined"))
            self.assertEqual(id, ids[content])
        created = [content for content, outcome, _ in answers if outcome == "created"]
        self.assertEqual(sorted(created), sorted(contents))
        for server in servers:
            self.assertEqual(len(server.items()), len(contents))

    def test_servers_that_are_killed_and_a_database_that_is_killed_lose_nothing_acknowledged(self):
        servers = [self.serve_shared() for _ in range(3)]
        contents = [f"content {number}" for number in range(400)]
        acknowledged, lock = {}, threading.Lock()

        def send(share):
            generator = random.Random(share)
            for content in contents[share::4]:
                while True:
                    try:
                        answer = generator.choice(servers).save(content.encode())
                    except OSError:
                        continue  # that server was killed
                    if answer.status in (200, 201):
                        break
                    self.assertIn(answer.status, (503,), answer)
                with lock:
                    acknowledged[content] = answer.json()["id"]

        threads = [threading.Thread(target=send, args=(share,)) for share in range(4)]
        for thread in threads:
            thread.start()
        for fault in (50, 100, 150, 200, 250, 300):
            wait_until(lambda: len(acknowledged) >= fault, "some are saved")
            if fault % 100 == 0:
                self.postgres.kill()
                self.postgres.start()
            else:
                victim = servers[fault // 100]
                victim.kill()
                victim.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.audit(contents), acknowledged)

    def test_a_server_without_its_database_is_not_ready_and_comes_back(self):
        server = self.serve_shared("--postgres.timeout", "500ms")
        self.assertEqual(server.save(b"before").status, 201)
        self.postgres.kill()
        refused = server.save(b"while it is down")  # 502: its connection broke after it was sent
        self.assertIn(refused.status, (502, 503), refused)
        wait_until(lambda: server.manage("GET", "/readyz").status == 503, "it is not ready")
        wait_until(lambda: b"Connection refused" in server.manage("GET", "/readyz").body, "it says why")
        self.assertEqual(server.save(b"before").status, 200)  # known here
        wait_until(lambda: " store_lost reason=" in server.log, "it is logged")
        self.assertNotIn("store_regained", server.log)
        self.postgres.start()
        wait_until(lambda: server.manage("GET", "/readyz").status == 200, "it is ready")
        wait_until(lambda: " store_regained" in server.log, "it is logged")
        self.assertEqual(server.log.count(" store_lost "), 1)
        self.assertEqual(server.save(b"while it is down").status, 201)
        self.audit(["before", "while it is down"])

    def test_rights_that_are_taken_away_are_told_to_the_operator_alone(self):
        self.postgres.query("CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA itemgate TO clerk;"
                            "GRANT ALL ON ALL TABLES IN SCHEMA itemgate TO clerk")
        server = self.serve("--store", self.postgres.url.replace("postgres@", "clerk@"))
        self.assertEqual(server.save(b"before").status, 201)
        self.postgres.query("REVOKE SELECT ON itemgate.item FROM clerk")
        for refused in (server.get("/v1/items/1"), server.save(b"new")):
            self.assertEqual((refused.status, refused.json()["code"], refused.json()["retryable"]),
                             (503, "store-unavailable", True))
            self.assertNotIn(b"permission", refused.body)
        wait_until(lambda: "permission denied for table item" in server.log, "it is logged")
        wait_until(lambda: b"permission denied" in server.manage("GET", "/readyz").body, "it says why")
        self.postgres.query("GRANT SELECT ON itemgate.item TO clerk")
        wait_until(lambda: server.get("/v1/items/1").body == b"before", "it goes on by itself")

    def test_a_lock_that_a_stopped_process_holds_is_ended_by_the_query_of_the_documents(self):
        server = self.serve_shared()
        # A process that was stopped between the message that runs the call and the one that commits it.
        insertion = ("SELECT * FROM itemgate.insert_items(ARRAY[sha256('x')], ARRAY['default'], ARRAY[1::bigint], "
                     "ARRAY[''::bytea], ARRAY['x'::bytea], 5, false, 1)")
        with socket.create_connection(("127.0.0.1", self.postgres.port), timeout=TIMEOUT_SECONDS) as stopped:
            start = struct.pack("!i", 196608) + b"user\0postgres\0database\0items\0\0"
            stopped.sendall(struct.pack("!i", len(start) + 4) + start)
            answers = stopped.makefile("rb")
            read_to(answers, b"Z")
            for kind, body in ((b"P", b"\0" + insertion.encode() + b"\0\0\0"), (b"B", b"\0" * 8),
                               (b"E", b"\0" * 5), (b"H", b"")):
                stopped.sendall(kind + struct.pack("!i", len(body) + 4) + body)
            read_to(answers, b"D")
            document = (Path(__file__).parent.parent / "docs" / "postgres.md").read_text()
            query = re.search(r"```sql\n(SELECT pg_terminate_backend.*?)```", document, re.DOTALL).group(1)
            self.assertEqual(self.postgres.query(query), [])  # it may be just about to go on
            self.assertEqual(self.postgres.query(query.replace("'10 s'", "'0 s'")), ["t"])
            self.assertEqual(server.save(b"x").json(), {"outcome": "created", "id": 1})

    def test_items_of_one_server_are_found_through_another(self):
        one, other = self.serve_shared(), self.serve_shared()
        saved = one.save(b"hello", content_type="text/plain").json()
        self.assertEqual(other.get(f"/v1/items/{saved['id']}").status, 200)
        again = other.save(b"hello")
        self.assertEqual((again.status, again.json()["id"]), (200, saved["id"]))


class SlowBackend(SharedDatabase):
    def test_a_content_goes_to_a_backend_through_one_server_only(self):
        contents = [f"content {number}" for number in range(40)]
        servers = [self.serve_shared("--backend.simulated-delay", "200ms..400ms") for _ in range(3)]
        answers, lock = [], threading.Lock()

        def send(server, seed):
            order = list(contents)
            random.Random(seed).shuffle(order)
            lines = server.batch([{"content": content} for content in order])
            for line in lines[:len(order)]:
                with lock:
                    answers.append((order[line["index"]], line["outcome"], line["id"]))

        threads = [threading.Thread(target=send, args=(server, number)) for number, server in enumerate(servers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = self.audit(contents)
        self.assertEqual(sorted(content for content, outcome, _ in answers if outcome == "created"), sorted(contents))
        self.assertEqual({content: id for content, _, id in answers}, ids)
        self.assertEqual(self.postgres.query("SELECT count(*) FROM itemgate.claim"), ["0"])
        self.assertEqual(self.postgres.query("SELECT count(*) FROM itemgate.server WHERE heartbeat >= 0"), ["3"])

    def orphan(self, content):
        """A server dies while it gives a content to the backend."""
        with contextlib.ExitStack() as dying:
            first = dying.enter_context(Server(Path(tempfile.mkdtemp(dir=self.folder)), "--store", self.postgres.url,
                                               "--backend.simulated-delay", "60s"))
            self.assertEqual(first.save(content, Prefer="wait=0").status, 202)
            wait_until(lambda: self.postgres.query("SELECT count(*) FROM itemgate.claim") == ["1"], "it is claimed")
            first.kill()

    def park(self, content):
        """A server dies while it gives a content to the backend; the next one parks it. Gives that one."""
        self.orphan(content)
        second = self.serve_shared("--backend.simulated-delay", "1ms", "--backend.lease", "1s")
        parked = second.save(content)
        self.assertEqual((parked.status, parked.code, parked.outcome), (409, "parked", "unknown"), parked)
        operation = hashlib.sha256(content).hexdigest() + ".default"
        self.assertEqual((parked.json()["retryable"], parked.json()["operation"]), (False, operation))
        self.assertNotIn("retry-after", parked.fields)
        line, end = second.batch([{"content": content.decode()}])
        self.assertEqual((line["status"], line["outcome"], line["problem"]["code"]), (409, "unknown", "parked"))
        stands = second.get(f"/v1/operations/{operation}").json()
        self.assertEqual((stands["state"], stands["problem"]["code"]), ("failed", "parked"))
        return second

    def test_what_a_dead_server_held_is_told_until_its_content_comes_again(self):
        self.orphan(b"lost")
        server = self.serve_shared("--backend.simulated-delay", "1ms", "--backend.lease", "1s")

        def orphaned():
            return server.get("/v1/cluster").json()["orphaned"], server.metric("itemgate_orphaned_claims")
        wait_until(lambda: orphaned() == (1, 1), "it is told")
        for place in (("--server", server.url), ("--store", self.postgres.url)):
            self.assertIn("Claims of servers that are gone: 1.", run("cluster", *place).out.decode())
        self.postgres.query("DELETE FROM itemgate.server WHERE id = (SELECT server FROM itemgate.claim)")
        wait_until(lambda: len(server.get("/v1/cluster").json()["servers"]) == 1, "the dead one is forgotten")
        self.assertEqual(orphaned(), (1, 1))  # and what it held is not
        self.assertEqual(server.save(b"lost").status, 409)
        wait_until(lambda: orphaned() == (0, 0), "it is parked, for the operator")
        self.assertEqual(server.metric("itemgate_parked_contents"), 1)

    def test_a_server_without_the_backend_of_the_others_warns(self):
        self.orphan(b"of long ago")  # which says nothing about those that are there
        without = self.serve_shared()
        wait_until(lambda: without.get("/v1/cluster").json()["orphaned"] == 1, "it has looked for a while")
        self.assertNotIn("backend_missing", without.log)
        server = self.serve_shared("--backend.simulated-delay", "60s")
        self.assertEqual(server.save(b"slow", Prefer="wait=0").status, 202)
        wait_until(lambda: "backend_missing" in without.log, "it warns")
        self.assertEqual(without.get("/v1/cluster").json()["claimed"], 1)
        wait_until(lambda: server.get("/v1/cluster").json()["claimed"] == 1, "the other sees its own")
        self.assertNotIn("backend_missing", server.log)
        self.assertEqual(without.log.count("backend_missing"), 1)

    def resolve(self, content, *flags, place=None):
        return run("parked", "resolve", *(place or ("--store", self.postgres.url)),
                   "--digest", hashlib.sha256(content).hexdigest(), *flags)

    def test_an_operator_who_knows_that_the_backend_has_it_makes_it_an_item(self):
        server = self.park(b"lost")
        listed = run("parked", "list", "--store", self.postgres.url, "--json").json()
        self.assertEqual([(row["sha256"], row["scope"], row["resolved_as_saved"]) for row in listed],
                         [(hashlib.sha256(b"lost").hexdigest(), "default", False)])
        self.assertRegex(listed[0]["by"], r":\d+$")
        refused = self.resolve(b"lost", "--as", "saved")
        self.assertEqual(refused.status, USAGE)
        self.assertIn("Be sure that the backend has this content", refused.err)
        self.assertEqual(server.save(b"lost").status, 409)  # nothing was done
        self.assertEqual(self.resolve(b"lost", "--as", "saved", "--yes").status, OK)
        self.assertIn("resolved", run("parked", "list", "--store", self.postgres.url).out.decode())
        self.assertEqual(server.save(b"lost").json(), {"outcome": "created", "id": 1})
        self.assertEqual(run("parked", "list", "--store", self.postgres.url).out, b"Nothing is parked.\n")
        self.audit(["lost"])

    def test_an_operator_who_knows_that_the_backend_does_not_have_it_lets_it_be_sent_again(self):
        server = self.park(b"lost")
        self.assertEqual(self.resolve(b"other", "--as", "send-again", "--yes").status, NOT_FOUND)
        warned = self.resolve(b"lost", "--as", "send-again")
        self.assertIn("it has it twice", warned.err)
        self.assertEqual(self.resolve(b"lost", "--as", "send-again", "--yes").status, OK)
        self.assertEqual(server.save(b"lost").json(), {"outcome": "created", "id": 1})
        self.audit(["lost"])


    def test_an_operator_sees_and_resolves_through_a_server_as_in_the_database(self):
        server = self.park(b"lost")
        places = (("--store", self.postgres.url), ("--server", server.url))

        def same(*command):
            """Gives what both print: the same."""
            near, far = [run("parked", *command, *place) for place in places]
            self.assertEqual((far.status, far.out, far.err), (near.status, near.out, near.err))
            return far

        def parked():
            told = server.manage("GET", "/metrics").body.decode()
            return (server.get("/v1/cluster").json()["parked"],
                    re.search(r"(?m)^itemgate_parked_contents (\S+)", told)[1])

        wait_until(lambda: parked() == (1, "1"), "it is told")
        self.assertIn("Parked contents: 1.", run("cluster", "--server", server.url).out.decode())
        listed = same("list")
        self.assertIn(hashlib.sha256(b"lost").hexdigest(), listed.out.decode())
        self.assertEqual(same("list", "--json").json(), server.get("/v1/parked").json()["parked"])
        digest = ("--digest", hashlib.sha256(b"lost").hexdigest())
        self.assertEqual(same("resolve", *digest, "--as", "saved").status, USAGE)
        self.assertEqual(same("resolve", *digest, "--scope", "other", "--as", "saved", "--yes").status, NOT_FOUND)
        self.assertEqual(self.resolve(b"lost", "--as", "saved", "--yes", place=places[1]).status, OK)
        self.assertIs(same("list", "--json").json()[0]["resolved_as_saved"], True)
        self.assertEqual(server.save(b"lost").json(), {"outcome": "created", "id": 1})
        self.assertEqual(same("list").out, b"Nothing is parked.\n")
        wait_until(lambda: parked() == (0, "0"), "it is not parked any more")
        self.audit(["lost"])
        self.assertEqual(run("parked", "list").status, USAGE)
        self.assertEqual(run("parked", "list", "--server", "http://127.0.0.1:1").status, SERVER)


class Membership(SharedDatabase):
    def servers(self, through):
        """By name, as one of them sees them."""
        answer = through.get("/v1/cluster")
        self.assertEqual(answer.status, 200, answer)
        return {server["name"]: server for server in answer.json()["servers"]}

    def test_servers_see_each_other_come_and_go(self):
        one = self.serve_shared("--server.name", "one", "--server.advertise", "items.example:80")
        other = self.serve_shared("--server.name", "other")
        other.save(b"hello")
        wait_until(lambda: self.servers(one).get("other", {}).get("created") == 1, "one sees what the other did")
        seen = self.servers(one)
        self.assertEqual(seen["one"]["addresses"], ["items.example:80"])
        self.assertEqual(seen["other"]["addresses"], ["%s:%d" % other.address])
        self.assertEqual([seen[name]["state"] for name in ("one", "other")], ["serving", "serving"])
        self.assertEqual([seen[name]["self"] for name in ("one", "other")], [True, False])
        shown = run("cluster", "--server", one.url)
        self.assertEqual(shown.status, OK, shown)
        self.assertRegex(shown.out.decode(), r"(?m)^other +serving ")

        other.kill()
        wait_until(lambda: self.servers(one)["other"]["state"] == "gone", "it is seen to be gone")
        for place in (("--server", one.url), ("--store", self.postgres.url)):
            shown = run("cluster", *place, "--json")
            self.assertEqual(shown.status, SOME_ITEMS, shown)
            self.assertEqual([(row["name"], row["state"]) for row in shown.json()],
                             [("one", "serving"), ("other", "gone")])

    def test_a_server_that_drains_is_seen_to_before_it_refuses_anybody_and_is_removed_in_the_end(self):
        one = self.serve_shared("--server.name", "one")
        other = self.serve_shared("--server.name", "other", "--backend.simulated-delay", "3s")
        slow = threading.Thread(target=other.save, args=(b"slow",))  # whom the drain waits for
        slow.start()
        wait_until(lambda: self.servers(one).get("other", {}).get("in_flight") == 1, "it is seen to save")
        other.terminate()
        wait_until(lambda: self.servers(one)["other"]["state"] == "draining", "it is seen to drain")
        slow.join()
        wait_until(lambda: "other" not in self.servers(one), "it is removed")
        self.assertEqual(self.postgres.query("SELECT name FROM itemgate.server"), ["one"])

    def test_a_stop_ends_in_its_time_though_the_database_and_a_client_stand_still(self):
        server = self.serve_shared("--drain.time", "5s", "--postgres.timeout", "60s", "--http.body-grace", "60s")
        with server.connect() as connection:
            connection.send(b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
            wait_until(lambda: server.metric("itemgate_http_connections") == 1, "it is connected")
            self.postgres.pause()
            self.addCleanup(self.postgres.resume)
            begin = time.monotonic()
            server.terminate()
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - begin, 5.7)

    def test_a_server_of_an_earlier_generation_is_seen_not_to_be_ready(self):
        one = self.serve_shared("--server.name", "one")
        self.postgres.query("UPDATE itemgate.store SET generation = 2")
        late = self.serve_shared("--server.name", "late")
        wait_until(lambda: self.servers(late).get("one", {}).get("state") == "not-ready", "it is seen")
        self.assertIn("failover", self.servers(late)["one"]["reason"])
        self.assertEqual([self.servers(late)[name]["generation"] for name in ("one", "late")], [1, 2])
        self.assertIn("failover", run("cluster", "--server", one.url).out.decode())

    def test_a_single_server_sees_itself(self):
        server = self.serve("--server.name", "alone")
        self.assertEqual(list(self.servers(server)), ["alone"])
        self.assertEqual(self.servers(server)["alone"]["state"], "serving")
        self.assertEqual(run("cluster").status, USAGE)


if __name__ == "__main__":
    unittest.main()
