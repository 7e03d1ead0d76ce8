"""Servers that share a slow backend, when their database fails, and when they are killed with it half told.

cluster_postgres_test.py has the same faults without a backend, cluster_claims_test.py those of the line between.
"""

import time
import unittest

from backend_serving import LEASE_SECONDS, ThreeServers
from cluster_claims_test import CLAIM, CONFIRM, PARK, RELEASE, TAKE_OVER, Claims, key_of
from cutting_proxy import CuttingProxy
from serving import wait_until

SLACK_SECONDS = 2  # of a busy machine


class DatabaseFails(ThreeServers):
    @classmethod
    def flags(cls):
        return (*super().flags(), "--postgres.timeout", "2s")

    def wait_until_ready(self):
        for server in self.servers:
            wait_until(lambda one=server: one.manage("GET", "/readyz").status == 200, "the server is ready")

    def test_what_the_backend_got_while_the_database_was_dead_is_confirmed(self):
        for step in ("find", "save"):
            with self.subTest(step=step):
                content = self.content()
                gate = self.backend.hold(step, content)
                asked = self.ask(self.servers[0], content)
                gate.wait_reached()
                self.postgres.kill()
                gate.open()
                wait_until(lambda which=content: self.backend.effects(which), "the backend has it")
                self.postgres.start()
                saved = asked.result()
                self.assertEqual(saved.status, 201, saved)
                self.wait_until_ready()
                self.assert_saved(content, saved)

    def test_a_database_that_stands_still_makes_nobody_look_dead(self):
        def stand_still():
            self.postgres.pause()
            self.let_pass(1.5 * LEASE_SECONDS, "the lease is over")
            self.postgres.resume()
        self.assert_nobody_looks_dead(stand_still)

    def test_a_database_that_was_dead_makes_nobody_look_dead(self):
        def die():
            with self.postgres.held("LOCK TABLE itemgate.claim; SELECT 'held'"):
                wait_until(lambda: self.postgres.waiting() > 1, "others are looking who has it")
                self.postgres.kill()
            self.let_pass(1.5 * LEASE_SECONDS, "the lease is over")
            self.postgres.start()
        self.assert_nobody_looks_dead(die)

    def assert_nobody_looks_dead(self, stop_the_database):
        """Though others have seen no heartbeat of the holder for longer than the lease: they could not look."""
        a, *others = self.servers
        contents = [self.content() for _ in range(10)]  # so that many look as soon as it goes on
        gates = [self.backend.hold("save", content) for content in contents]
        first = [self.ask(a, content) for content in contents]
        for gate in gates:
            gate.wait_reached()
        asked = [self.ask(server, content) for server in others for content in contents]
        self.let_pass(0.5, "they have seen who has them")
        stop_the_database()
        self.wait_until_ready()
        self.let_pass(1.5 * LEASE_SECONDS, "somebody could have taken over")
        self.assertEqual({self.claims(content, "epoch, parked")[0] for content in contents}, {"1|f"})
        for gate in gates:
            gate.open()
        for answer in asked:
            self.assertIn(answer.result().status, (200, 502, 503), answer.result())
        for content, answer in zip(contents, first):
            self.assertEqual(answer.result().status, 201, answer.result())
            self.assert_saved(content, answer.result())
            self.assertEqual(self.backend.calls("save", content), 1)

    @staticmethod
    def let_pass(seconds, what):
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin > seconds, what)

    def test_nobody_waits_for_a_database_that_stands_still_longer_than_they_said(self):
        contents = [self.content() for _ in range(50)]

        def send(server, content):
            begin = time.monotonic()
            answer = server.save(content, prefer="wait=0.5")
            return answer, time.monotonic() - begin
        self.postgres.pause()
        try:
            asked = [self.pool.submit(send, self.servers[number % 3], content)
                     for number, content in enumerate(contents)]
            told = [answer.result() for answer in asked]
        finally:
            self.postgres.resume()
        for answer, seconds in told:
            self.assertIn(answer.status, (202, 502, 503), answer)
            self.assertLess(seconds, 0.5 + SLACK_SECONDS)
        self.wait_until_ready()
        for content in contents:
            self.assertIn(self.servers[0].save(content).status, (200, 201))
            self.assertEqual(self.backend.effects(content), 1)


class KilledHalfTold(Claims):
    """A server is killed when it has told the database something: which was lost, or done and not answered."""

    # What another server says afterwards: 409 where the dead one was perhaps sending it.
    AFTERWARDS = {("lost", CLAIM): 201, ("silent", CLAIM): 409,
                  ("lost", CONFIRM): 201, ("silent", CONFIRM): 200,
                  ("lost", PARK): 201, ("silent", PARK): 201,
                  ("lost", TAKE_OVER): 201, ("silent", TAKE_OVER): 201,
                  ("lost", RELEASE): 409, ("silent", RELEASE): 201}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = cls.enterClassContext(CuttingProxy(("127.0.0.1", cls.postgres.port)))
        cls.victim = cls.enterClassContext(cls.server_behind(cls.proxy, "2s"))

    def test_at_each_step_the_content_is_saved_once_or_parked(self):
        killed = {(how, step): self.kill_at(how, step) for how, step in self.AFTERWARDS}
        asked = {fault: self.ask(self.servers[0], content) for fault, content in killed.items()}
        self.assertEqual({fault: answer.result().status for fault, answer in asked.items()}, self.AFTERWARDS)
        for (how, step), content in killed.items():
            with self.subTest(how=how, step=step):
                if self.AFTERWARDS[how, step] == 409:
                    self.assert_parked(content)
                    self.assertEqual(self.backend.effects(content), 0)
                else:
                    self.assert_saved(content, asked[how, step].result())

    def kill_at(self, how, step):
        """Has the server killed at that step of a content's way; gives the content."""
        content, cuts = self.content(), self.proxy.cuts
        if step in (PARK, TAKE_OVER):
            self.backend.fail_after_effect(content)
        if step == TAKE_OVER:
            self.assert_unknown(self.servers[0].save(content))
        if step == RELEASE:
            self.backend.fail("save", content, 429)
        self.proxy.cut(step, how, key_of(content))
        asked = self.ask(self.victim, content)
        wait_until(lambda: self.proxy.cuts > cuts, "it is cut")
        self.victim.kill()
        self.assertIsInstance(asked.exception(), OSError)
        self.proxy.heal()
        self.victim.start()
        return content


if __name__ == "__main__":
    unittest.main()
