#!/usr/bin/env python3
"""More than the server can do: it refuses well, does what it takes on, and is as before when the load is over.

The load is that of `itemgate bench --server`. Beside it a witness saves contents that it knows, and keeps the answers.
"""

import hashlib
import threading
import time
import unittest

from blackbox import OK, run
from http_connection import request_bytes
from serving import ServerTest, wait_until

CONNECTIONS, PIPELINED = 1024, 16  # so many that what is too much waits at the server and not at its senders
ROUNDS_MAX = 5  # others may have the processors during some of them
ALWAYS_IN_FLIGHT = 4096  # so many saves are never refused
RECOVERY_SECONDS = 10
AT_ONCE_SECONDS = 1


def load(server, *arguments):
    """One load of distinct contents, as `itemgate bench` counts it."""
    ended = run("bench", "--server", server.url, "--workload", "W3", "--json", *arguments)
    assert ended.status == OK, ended.err
    result, = ended.json()[0]["loads"]
    return result


class Witness(threading.Thread):
    """Saves new contents on one connection until it is told to stop, each of them twice. Keeps the answers."""

    AHEAD = 8  # requests sent before their answers are read

    def __init__(self, server, name):
        super().__init__()
        self.saved, self.refusals, self.wrong = {}, {}, []
        self._server, self._name, self._stopping = server, name, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self.join()

    def run(self):
        try:
            with self._server.connect() as connection:
                first = 0
                while not self._stopping.is_set():
                    contents = [b"%s %d" % (self._name, first + number) for number in range(self.AHEAD)]
                    first += self.AHEAD
                    self.save(connection, contents)
                    self.save(connection, contents)
        except (OSError, AssertionError) as error:
            self.wrong.append(error)

    def save(self, connection, contents):
        connection.send(b"".join(request_bytes("POST", "/v1/items", content) for content in contents))
        for content in contents:
            answer, known = connection.answer(), self.saved.get(content)
            if answer.status == 503 and not known:
                self.refusals[content] = answer
            elif (answer.status, answer.outcome) == (201, "created") and not known:
                self.saved[content] = answer.id
            elif (answer.status, answer.outcome, answer.id) != (200, "duplicate", known):
                self.wrong.append(answer)


class OverloadTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.created, self.unclear, self.witnesses = 0, 0, []

    def serve_many(self, *flags):
        return self.serve("--limits.connections-per-address", "0", "--log.requests", "none", *flags)

    def load(self, server, *arguments):
        result = load(server, *arguments)
        self.created += result["outcomes"]["created"]
        self.unclear += result["outcomes"]["in-progress"] + result["failures"]["unanswered"]
        self.assertLessEqual(set(result["statuses"]), {"201", "202", "503"}, result["examples"])
        self.assertEqual((result["failures"]["connection_lost"], result["failures"]["malformed"]), (0, 0), result)
        return result

    def overload(self, server, peak, times):
        """Offers so many times the peak beside a witness; gives how many a second were done, and how many refused."""
        begin = time.monotonic()
        with Witness(server, b"witness %d" % len(self.witnesses)) as witness:
            result = self.load(server, "--seconds", 2, "--connections", CONNECTIONS, "--pipeline", PIPELINED,
                               "--rate", times * peak)
        witnessed = len(witness.saved) / (time.monotonic() - begin)
        self.witnesses.append(witness)
        self.created += len(witness.saved)
        return result["requests_per_second"] + witnessed, result["statuses"].get("503", 0)

    def peak(self, server, *flags):
        return self.load(server, "--seconds", 1, *flags)["requests_per_second"]

    def assert_recovers(self, server):
        """Soon a single save is answered at once, and the server is ready."""
        deadline = time.monotonic() + RECOVERY_SECONDS

        def is_served():
            begin = time.monotonic()
            answer = server.save(b"after the load, %f" % begin)
            self.created += answer.status == 201
            return answer.status == 201 and time.monotonic() - begin < AT_ONCE_SECONDS

        wait_until(is_served, "a save is answered at once", deadline - time.monotonic())
        wait_until(lambda: server.manage("GET", "/readyz").status == 200, "ready", deadline - time.monotonic())

    def assert_refused_well(self, code):
        """Also that a content which is saved was never refused: it costs nearly nothing."""
        for witness in self.witnesses:
            self.assertEqual(witness.wrong, [])
            self.assertTrue(witness.saved)
            for refusal in witness.refusals.values():
                self.assertEqual((refusal.code, refusal.outcome, refusal.closes), (code, "unavailable", False))
                self.assertTrue(refusal.json()["retryable"])
                self.assertGreaterEqual(int(refusal.fields["retry-after"]), 1)

    def assert_kept(self, server):
        """Everything acknowledged is there, once and under its id; nothing refused is, and nothing else."""
        ids = self.ids_of_digests(server)
        for witness in self.witnesses:
            for content, item_id in witness.saved.items():
                self.assertEqual(ids.get(hashlib.sha256(content).hexdigest()), item_id, content)
            for content in witness.refusals.keys() - witness.saved.keys():
                self.assertNotIn(hashlib.sha256(content).hexdigest(), ids, content)
        self.assertGreaterEqual(len(ids), self.created)
        self.assertLessEqual(len(ids), self.created + self.unclear)

    def ids_of_digests(self, server):
        """Of all items; that no id is missing, and no digest twice there, is checked."""
        items, after = [], 0
        while after is not None:
            page = server.get(f"/v1/items?after={after}&limit=1000&content=false").json()
            items += [(item["sha256"], item["id"]) for item in page["items"]]
            after = page.get("next")
        self.assertEqual([item_id for _, item_id in items], list(range(1, len(items) + 1)))
        self.assertEqual(len(dict(items)), len(items))
        return dict(items)

    def test_twice_what_the_machine_can_do(self):
        server, fair = self.serve_many(), False
        best = self.peak(server, "--connections", 64, "--pipeline", 8)
        while not fair and len(self.witnesses) < ROUNDS_MAX:
            goodput, refused = self.overload(server, best, times=2)
            print(f"peak {best:.0f}/s, then {goodput:.0f}/s and {refused} refused")
            # Where the processors are what is short, requests wait in sockets and are not under way.
            was_overload = refused > 0 or server.metric("itemgate_in_flight_peak") < ALWAYS_IN_FLIGHT
            fair = was_overload and goodput >= 0.5 * best
            best = max(best, goodput) if not was_overload else self.peak(server, "--connections", 64, "--pipeline", 8)
            self.assert_recovers(server)
        self.assertTrue(fair)
        self.assert_refused_well("overloaded")
        self.assert_kept(server)

    def test_two_and_four_times_what_may_be_in_flight(self):
        # 250 a second on whatever machine; so this test is a sharp one.
        server = self.serve_many("--backend.simulated-delay", "200ms", "--limits.in-flight", "50")
        few = ("--connections", 45)
        peak = self.peak(server, *few)
        for times, share in ((2, 0.9), (4, 0.8)):
            goodput, refused = self.overload(server, peak, times)
            print(f"peak {peak:.0f}/s, then {goodput:.0f}/s and {refused} refused at {times} times that")
            self.assertGreaterEqual(goodput, share * peak)
            self.assertGreater(refused, 0)
            wait_until(lambda: self.peak(server, *few) >= 0.9 * peak, "it does as much as before", RECOVERY_SECONDS)
        burst = Witness(server, b"burst")
        with server.connect() as connection:
            burst.save(connection, [b"burst %d" % number for number in range(64)])
        self.assertGreaterEqual(len(burst.saved), 50)
        self.assertTrue(burst.refusals)
        self.witnesses.append(burst)
        self.created += len(burst.saved)
        self.assert_recovers(server)
        self.assert_refused_well("too-many-in-flight")
        self.assert_kept(server)


if __name__ == "__main__":
    unittest.main()
