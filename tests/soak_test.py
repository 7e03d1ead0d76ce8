#!/usr/bin/env python3
"""One server for long under all that clients do to it: nothing grows, nothing slows down, each content is there once.

ITEMGATE_SOAK_SECONDS says for how long, if not 40; 600 and more are for releases.
"""

import contextlib
import os
import random
import signal
import statistics
import subprocess
import threading
import time
import unittest
from collections import Counter

import blackbox
from http_connection import request_bytes
from http_load_test import LeavingClients
from serving import ServerTest, wait_until

SECONDS = float(os.environ.get("ITEMGATE_SOAK_SECONDS", "40"))
SAVERS = 4
PACE_SECONDS = 0.01  # between the requests of one client: nothing here is about throughput
MIB = 1 << 20


class Client(threading.Thread):
    """Does one thing again and again until it is told to stop. What goes wrong is raised by `end`."""

    def __init__(self, act, seed):
        super().__init__(name=act.__name__)
        self._act, self._rng, self._ending, self._error = act, random.Random(seed), threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self._ending.wait(PACE_SECONDS):
                self._act(self._rng)
        except BaseException as error:
            self._error = error

    def stop(self):
        self._ending.set()

    def end(self):
        self.join()
        if self._error:
            raise self._error


class Soak:
    """What the clients do to one server, and what it answered."""

    def __init__(self, server):
        self.server = server
        self._lock = threading.Lock()
        self.ids, self._known = {}, []  # content -> the id that everybody was told; and the contents
        self.created = Counter()
        self.latencies = []  # (when, seconds) of single saves
        self.last_fed = 0  # the last id that the feed told
        self.is_ending = False
        self.touch_tables()
        self._leaving = LeavingClients(server, self.save(b"large " * 50_000, "created"))

    def touch_tables(self):
        """Saves so many that the tables of keys, which are large from the start, are in memory."""
        assert self.server.batch({"content": f"key {number}"} for number in range(100_000))[-1]["created"] == 100_000

    def answered(self, content, outcome, item_id):
        with self._lock:
            is_new = content not in self.ids
            assert self.ids.setdefault(content, item_id) == item_id, f"{content} is {self.ids[content]} and {item_id}"
            if is_new:
                self._known.append(content)
            self.created[content] += outcome == "created"

    def save(self, content, *outcomes):
        begin = time.monotonic()
        answer = self.server.save(content)
        with self._lock:
            self.latencies.append((begin, time.monotonic() - begin))
        assert answer.outcome in outcomes, answer
        self.answered(content, answer.outcome, answer.id)
        return answer.id

    # What clients do.

    def save_shared(self, rng):
        """A content that others save at the same time, of which each second one is new."""
        self.save(b"shared %d" % rng.randrange(2 * len(self.ids)), "created", "duplicate", "joined")

    def save_batch(self, rng):
        contents = [f"shared {rng.randrange(len(self.ids) + 20)}" for _ in range(rng.randint(1, 20))]
        *lines, end = self.server.batch([{"content": content} for content in contents])
        assert end["failed"] == 0, end
        for line in lines:
            self.answered(contents[line["index"]].encode(), line["outcome"], line["id"])

    def read_back(self, rng):
        content = rng.choice(self._known)
        assert self.server.get(f"/v1/items/{self.ids[content]}").body == content

    def leave(self, rng):
        self._leaving.leave(rng)

    def send_nonsense(self, rng):
        answer = self.server.raw(rng.randbytes(rng.randint(1, 300)) + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 4") or not answer, answer[:100]

    def follow(self, rng):
        """Reads the feed on from where it was, for a while."""
        with self.server.connect() as connection:
            connection.send(request_bytes("GET", f"/v1/feed?after={self.last_fed}&content=false"))
            for event in connection.events(connection.head()):
                assert int(event["id"]) == self.last_fed + 1, f"{event} behind {self.last_fed}"
                self.last_fed += 1
                if self.is_ending or rng.random() < 0.01:
                    return

    def disturb(self, rng):
        """Once in a while the server stands still, reads its settings again, or is asked as fast as it answers."""
        kind = rng.choice((self.stop_for_a_moment, self.reload, self.flood, None, None, None))
        if kind:
            kind()
        self.server.stats()
        time.sleep(1)  # the pace of this client

    def stop_for_a_moment(self):
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)  # the moment
        self.server.process.send_signal(signal.SIGCONT)

    def reload(self):
        self.server.process.send_signal(signal.SIGHUP)

    def flood(self):
        done = subprocess.run([blackbox.BINARY, "bench", "--server", self.server.url, "--seconds", "1", "--run", "1",
                               "--distinct", "1000", "--connections", "16", "--pipeline", "16"],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr


class SoakTest(ServerTest):
    def test_nothing_grows_or_slows_down_and_each_content_is_there_once(self):
        server = self.serve("--limits.connections-per-address", "0", "--near-cache.keys", "10000",
                            "--admission.delay-target", "0s", "--http.idle-time", "1h", data=self.data)
        soak = Soak(server)
        acts = [*[soak.save_shared] * SAVERS, soak.save_batch, soak.read_back, soak.leave, soak.send_nonsense,
                soak.follow, soak.disturb]
        begin = time.monotonic()
        clients = [Client(act, seed) for seed, act in enumerate(acts)]
        samples = []  # (when, bytes, descriptors, items)
        try:
            while (now := time.monotonic()) < begin + SECONDS and all(client.is_alive() for client in clients):
                samples.append((now - begin, server.rss_bytes(), server.descriptors(), len(soak.ids)))
                print(f"{now - begin:5.0f} s: {len(soak.ids)} items, {samples[-1][1] / MIB:.1f} MiB, "
                      f"{samples[-1][2]} descriptors", flush=True)
                clients[0].join(max(1, SECONDS / 40))
        finally:
            server.process.send_signal(signal.SIGCONT)
            soak.is_ending = True
            for client in clients:
                client.stop()
            with contextlib.suppress(OSError):  # if the server has ended the clients tell
                server.save(b"the last")  # so that whoever follows the feed has something to read
            for client in clients:
                client.end()
        self.check_growth(server, samples)
        self.check_speed(soak, begin)
        self.check_items(server, soak)

    def check_growth(self, server, samples):
        most = max(sample[2] for sample in samples[:len(samples) // 2])
        wait_until(lambda: server.descriptors() <= most, "all that was opened is closed")
        half, last = samples[len(samples) // 2], samples[-1]
        grown, items = last[1] - half[1], last[3] - half[3]
        per_hour = grown / MIB * 3600 / (last[0] - half[0])
        print(f"in the second half {grown / MIB:+.2f} MiB ({per_hour:+.1f} MiB/h), {items} items")
        self.assertLess(grown, 2 * MIB + 200 * items)

    def check_speed(self, soak, begin):
        """Of single saves. Their tail is the machine's, so it is shown; the middle must not move."""
        quarters = [[] for _ in range(4)]
        for when, seconds in soak.latencies:
            quarters[min(3, int(4 * (when - begin) / SECONDS))].append(seconds)
        medians = [1000 * statistics.median(quarter) for quarter in quarters]
        tails = [1000 * statistics.quantiles(quarter, n=100)[98] for quarter in quarters]
        print("p50 of the quarters:", *(f"{value:.2f}" for value in medians), "ms; p99:",
              *(f"{value:.1f}" for value in tails), "ms")
        self.assertLess(medians[3], 1.5 * medians[1] + 1)

    def check_items(self, server, soak):
        server.kill()
        server.start()
        items = server.items()
        stored = {content: item_id for item_id, content in items.items()}
        self.assertEqual(len(stored), len(items), "a content has two ids")
        self.assertEqual({content: stored.get(content) for content in soak.ids}, soak.ids)
        self.assertEqual([content for content, times in soak.created.items() if times != 1], [])
        self.assertGreater(soak.last_fed, 0.9 * len(items))
        server.terminate()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(self.assert_clean(), len(items))


if __name__ == "__main__":
    unittest.main()
