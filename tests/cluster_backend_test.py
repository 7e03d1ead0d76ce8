"""Three servers, one database, one slow backend that counts: each content reaches the backend at most once.

Servers are stopped and killed at exact places, the backend fails in every way it can; then the backend itself is asked
how often a content took effect. docs/backend.md tells what is tried under which number; lock_alone_test.py, what the
same faults do where a lock alone keeps servers apart.
"""

import concurrent.futures
import random
import re
import threading
import time
import unittest

from backend_server import digest_of
from backend_serving import LEASE_SECONDS, ThreeServers, stopped
from serving import wait_until

TAKE_OVER_SECONDS = LEASE_SECONDS + 1 + 7  # what is promised, and what a busy machine may add


class AtMostOnce(ThreeServers):
    def take_over(self, server, content):
        """Its answer, which comes only after it has taken over."""
        begin = time.monotonic()
        answer = server.save(content)
        self.assertLess(time.monotonic() - begin, TAKE_OVER_SECONDS)
        return answer

    def test_F13_a_server_that_stands_still_before_the_call_makes_no_second_one(self):
        a, b, _ = self.servers
        content = self.content()
        gate = self.backend.hold("find", content)
        first = self.ask(a, content)
        gate.wait_reached()
        with stopped(a):
            self.assert_told_parked(self.take_over(b, content))
            self.assert_parked(content)
            self.assertEqual(self.backend.effects(content), 0)
            gate.open()
        self.assert_saved(content, first.result())

    def test_F14_a_server_that_stands_still_after_the_call_confirms_what_another_has(self):
        a, b, _ = self.servers
        content = self.content()
        gate = self.backend.hold_after_effect(content)
        first = self.ask(a, content)
        gate.wait_reached()
        with stopped(a):
            gate.open()
            second = self.take_over(b, content)
            self.assertEqual(second.status, 201, second)
        self.assert_saved(content, first.result(), second)

    def test_every_server_knows_what_another_gives_to_the_backend(self):
        a, b, _ = self.servers
        content = self.content()
        operation = f"/v1/operations/{digest_of(content)}.default?wait=1"
        self.assertEqual(b.get(operation).status, 404)
        gate = self.backend.hold("find", content)
        first = self.ask(a, content)
        gate.wait_reached()
        self.assertEqual(b.get(operation).json()["state"], "in-progress")
        gate.open()
        saved = first.result()
        self.assertEqual(b.get(operation).json()["id"], saved.id)
        self.assert_saved(content, saved)

    def test_F14_a_call_that_lands_after_the_take_over_is_found(self):
        a, b, _ = self.servers
        content = self.content()
        gate = self.backend.hold("save", content)
        first = self.ask(a, content)
        gate.wait_reached()
        with stopped(a):
            self.assert_told_parked(self.take_over(b, content))
            gate.open()
            wait_until(lambda: self.backend.effects(content), "it has landed")
            second = b.save(content)
        self.assert_saved(content, first.result(), second)

    def test_F15_what_a_killed_server_had_not_sent_is_parked(self):
        a, b, c = self.servers
        content = self.content()
        gate = self.backend.hold("find", content)
        first = self.ask(a, content)
        gate.wait_reached()
        a.kill()
        self.assertIsInstance(first.exception(), OSError)
        gate.open()
        self.assert_told_parked(self.take_over(b, content))
        self.assert_told_parked(c.save(content))
        self.assert_parked(content)
        self.assertEqual((self.backend.effects(content), self.backend.calls("save", content)), (0, 0))
        # The operator made sure that the backend does not have it.
        self.postgres.query(f"DELETE FROM itemgate.claim WHERE parked AND digest = '\\x{digest_of(content)}'")
        second = b.save(content)
        a.start()
        self.assert_saved(content, second)

    def test_F16_what_a_killed_server_had_sent_is_found(self):
        a, b, _ = self.servers
        content = self.content()
        gate = self.backend.hold_after_effect(content)
        first = self.ask(a, content)
        gate.wait_reached()
        a.kill()
        self.assertIsInstance(first.exception(), OSError)
        gate.open()
        second = self.take_over(b, content)
        a.start()
        self.assert_saved(content, second)

    def test_F17_what_a_killed_server_had_confirmed_is_a_duplicate(self):
        a, b, _ = self.servers
        content = self.content()
        with self.postgres.held():
            first = self.ask(a, content)
            wait_until(lambda: self.postgres.waiting() > 0, "the confirmation waits in the database")
            a.kill()
        self.assertIsInstance(first.exception(), OSError)
        wait_until(lambda: self.claims(content) == ["0"], "it is confirmed")
        second = b.save(content)
        self.assertEqual(second.status, 200, second)
        a.start()
        self.assert_saved(content, second)

    def test_F47_a_save_of_more_than_the_lease_is_waited_for_and_blocks_nobody(self):
        slow, others = self.content(), [self.content() for _ in range(60)]
        gate = self.backend.hold("save", slow)
        asked = [self.ask(self.servers[0], slow)]
        gate.wait_reached()
        asked += [self.ask(server, slow) for server in self.servers[1:] * 3]
        begin = time.monotonic()
        for server in self.servers:
            impatient = server.save(slow, prefer="wait=0.1")
            self.assertEqual((impatient.status, impatient.outcome), (202, "in-progress"))
        saved = [self.ask(self.servers[number % 3], content) for number, content in enumerate(others)]
        self.assertEqual({answer.result().status for answer in saved}, {201})
        self.assertLess(time.monotonic() - begin, 2 * LEASE_SECONDS)
        time_left = begin + 2.5 * LEASE_SECONDS - time.monotonic()
        concurrent.futures.wait(asked, max(time_left, 0))  # nobody is told anything yet
        self.assertFalse([answer for answer in asked if answer.done()])
        self.assertEqual(self.claims(slow, "epoch, parked"), ["1|f"])
        gate.open()
        self.assert_saved(slow, *(answer.result() for answer in asked))
        self.assertEqual((self.backend.calls("find", slow), self.backend.calls("save", slow)), (1, 1))
        self.assertEqual({self.backend.effects(content) for content in others}, {1})

    def test_F48_a_save_that_fails_after_its_effect_is_found(self):
        for status in (500, 503, None):
            content = self.content()
            self.backend.fail_after_effect(content, status)
            self.assert_unknown(self.servers[0].save(content))
            self.assert_parked(content)
            self.assert_saved(content, self.servers[1].save(content))

    def test_F48_a_save_that_lands_late_is_unknown_until_then(self):
        content = self.content()
        gate = self.backend.land_late(content)
        self.assert_unknown(self.servers[0].save(content))
        for server in self.servers:
            self.assert_told_parked(server.save(content))
        self.assert_parked(content)
        self.assertEqual(self.backend.calls("save", content), 1)
        gate.open()
        wait_until(lambda: self.backend.effects(content), "it has landed")
        self.assert_saved(content, self.servers[2].save(content))

    def test_F49_a_stale_look_sends_nothing_a_second_time(self):
        a, b, c = self.servers
        content = self.content()
        gate = self.backend.hold_after_effect(content)
        first = self.ask(a, content)
        gate.wait_reached()
        self.backend.find_stale(content, times=2)
        a.kill()
        self.assertIsInstance(first.exception(), OSError)
        self.assert_told_parked(self.take_over(b, content))
        self.assert_told_parked(c.save(content))
        self.assertEqual(self.backend.effects(content), 1)
        second = c.save(content)
        a.start()
        self.assert_saved(content, second)

    def test_F50_a_content_that_the_backend_has_twice_is_sent_no_more(self):
        content = self.content()
        self.backend.add(content, 2)
        self.twice.add(digest_of(content))

        def found():
            told = "".join(server.manage("GET", "/metrics").body.decode() for server in self.servers)
            return sum(int(count) for count in re.findall(r"(?m)^itemgate_backend_duplicates_total (\d+)", told))

        before = found()
        self.assert_saved(content, *(self.ask(server, content).result() for server in self.servers), effects=2)
        self.assertEqual(self.backend.calls("save", content), 0)
        self.assertGreater(found(), before)

    def test_a_refusal_is_no_save_and_may_be_sent_again(self):
        content = self.content()
        self.backend.fail("save", content, 429)
        refused = self.servers[0].save(content)
        self.assertEqual((refused.status, refused.code, refused.outcome), (502, "save-failed", "failed"))
        self.assertEqual(self.claims(content), ["0"])
        self.assert_saved(content, self.servers[1].save(content))

    def test_a_backend_that_cannot_be_asked_is_sent_nothing(self):
        content = self.content()
        self.backend.fail("find", content, 503)
        refused = self.servers[0].save(content)
        self.assertEqual((refused.status, refused.code), (502, "save-failed"))
        self.assertEqual(self.backend.calls("save", content), 0)
        self.assert_saved(content, self.servers[0].save(content))

    def test_an_answer_too_many_confuses_nobody(self):
        contents = [self.content() for _ in range(10)]
        for content in contents:
            self.backend.answer_twice(content)
        for content in contents:
            self.assert_saved(content, self.servers[0].save(content))

    def test_hundreds_of_slow_saves_at_once(self):
        contents = [self.content() for _ in range(600)]
        self.backend.delay = 1
        self.addCleanup(setattr, self.backend, "delay", 0)

        def send(server, seed):
            order = list(contents)
            random.Random(seed).shuffle(order)
            lines = server.batch([{"content": content.decode()} for content in order])
            return {(order[line["index"]], line["id"]) for line in lines[:len(order)]}
        begin = time.monotonic()
        told = [self.pool.submit(send, server, seed) for seed, server in enumerate(self.servers)]
        ids = set().union(*(answers.result() for answers in told))
        self.assertEqual(len(ids), len(contents))  # and so one id for each
        self.assertLess(time.monotonic() - begin, 60)  # one after the other they would take ten minutes
        self.assertEqual({self.backend.effects(content) for content in contents}, {1})

    def test_whatever_happens_no_content_takes_effect_twice(self):
        contents = [self.content() for _ in range(120)]
        chance = random.Random(20)
        gates = []
        for content in contents:
            fault = chance.randrange(8)
            if fault == 0:
                self.backend.fail_after_effect(content, chance.choice((500, None)))
            elif fault == 1:
                self.backend.fail("save", content, chance.choice((429, 503, None)))
            elif fault == 2:
                gates.append(self.backend.land_late(content))
            elif fault == 3:
                self.backend.find_stale(content, times=2)
            elif fault == 4:
                self.backend.fail("find", content, chance.choice((503, None)))
        self.backend.delay = 0.2
        self.addCleanup(setattr, self.backend, "delay", 0)
        told, end = self.send_until(contents, self.servers)
        for _ in range(4):
            victim = chance.choice(self.servers)
            if chance.random() < 0.5:
                self.restart(victim)
            else:
                with stopped(victim):
                    end.wait(1.2 * LEASE_SECONDS)
        for gate in gates:
            gate.open()
        end.set()
        answers = told()
        self.judge(contents, answers)


class Heartbeats(ThreeServers):
    def test_a_server_with_many_confirms_that_wait_in_the_database_is_not_taken_for_dead(self):
        busy, other, _ = self.servers
        contents = [self.content() for _ in range(100)]
        lines = [{"content": content.decode()} for content in contents]
        epochs = "SELECT epoch, count(*) FROM itemgate.claim GROUP BY epoch"
        with self.postgres.held():
            batches = [self.pool.submit(busy.batch, lines)]
            wait_until(lambda: self.postgres.waiting() and self.postgres.query(epochs) == ["1|100"],
                       "they are claimed, and confirmed as soon as the database is free")
            batches.append(self.pool.submit(other.batch, lines))  # it looks, and would take over
            concurrent.futures.wait(batches, 4 * LEASE_SECONDS)
            self.assertEqual(self.postgres.query(epochs), ["1|100"])
        told = {(line["index"], line["id"]) for batch in batches for line in batch.result()[:len(contents)]}
        self.assertEqual(len(told), len(contents))  # and so one id for each
        self.assertEqual({self.backend.effects(content) for content in contents}, {1})


if __name__ == "__main__":
    unittest.main()
