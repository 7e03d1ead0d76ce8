"""Servers that share a slow backend, and their way to the database: what becomes of claims on a bad line.

Answers to claim, confirm, park and release are lost at the worst moment, before and after the database has done what
was asked. cluster_backend_test.py has the same backend on a good line; claimed_saves_world_test.cc, every order of it.
"""

import random
import unittest

from backend_server import digest_of
from backend_serving import ThreeServers
from cutting_proxy import CuttingProxy
from delaying_proxy import DelayingProxy
from serving import Server, wait_until

CLAIM, TAKE_OVER, CONFIRM, PARK, RELEASE = (
    f"itemgate.{name}(" for name in ("claim", "take_over", "confirm", "park", "release"))


def key_of(content):
    """How the database is sent it. Servers park and release at any time what came late."""
    return bytes.fromhex(digest_of(content))


class Claims(ThreeServers):
    @classmethod
    def flags(cls):
        return (*super().flags(), "--redlock.wait", "100ms")  # so that a lock that nobody gets leaves time for claims

    @classmethod
    def server_behind(cls, proxy, timeout):
        """One more server, whose database is behind the proxy."""
        folder = cls.folder / f"behind-{next(cls.numbers)}"
        folder.mkdir()
        store = cls.postgres.url.replace(f":{cls.postgres.port}/", f":{proxy.port}/")
        return Server(folder, "--store", store, "--backend.url", cls.backend.url, "--postgres.timeout", timeout,
                      *cls.flags())


class SlowLine(Claims):
    def test_a_long_content_gets_the_time_that_its_way_takes(self):
        proxy = self.enterContext(DelayingProxy(self.postgres.port))
        server = self.enterContext(self.server_behind(proxy, "2s"))
        content = self.content() + b"." * (4 << 20)
        proxy.bytes_per_second = 2 << 20  # so it takes two seconds, and each try had one
        saved = server.save(content, prefer="wait=30")
        self.assertEqual(saved.status, 201, saved)
        proxy.bytes_per_second = None
        self.assert_saved(content, saved)


class CutLine(Claims):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = cls.enterClassContext(CuttingProxy(("127.0.0.1", cls.postgres.port)))
        cls.unlucky = cls.enterClassContext(cls.server_behind(cls.proxy, "2s"))

    def setUp(self):
        self.cuts_before = self.proxy.cuts

    def tearDown(self):
        self.proxy.heal()
        self.proxy.land()

    def assert_cut(self, times=1):
        self.assertEqual(self.proxy.cuts - self.cuts_before, times)

    def assert_saved(self, content, *answers, **options):
        super().assert_saved(content, *answers, **options)
        self.assertEqual(self.unlucky.save(content).id, answers[0].id)
        self.assertEqual(self.postgres.query(
            f"SELECT count(*) FROM itemgate.item WHERE digest = '\\x{digest_of(content)}'"), ["1"])

    def assert_failed(self, answer):
        self.assertEqual((answer.status, answer.code), (502, "save-failed"), answer)

    def wait_for_cut(self):
        wait_until(lambda: self.proxy.cuts > self.cuts_before, "it is cut")

    def wait_for_claims(self, content, what, rows):
        wait_until(lambda: self.claims(content, what) == rows, f"{what} of its claims is {rows}")

    def test_a_lost_answer_to_a_claim_or_a_confirm_is_found_out(self):
        for step in (CLAIM, CONFIRM):
            for how in ("before", "after", "late"):
                with self.subTest(step=step, how=how):
                    content = self.content()
                    self.proxy.cut(step, how)
                    saved = self.unlucky.save(content)
                    self.assertEqual((saved.status, saved.outcome), (201, "created"), saved)
                    self.proxy.land()
                    self.assert_saved(content, saved)
                    self.assertEqual(self.backend.calls("save", content), 1)
        self.assert_cut(times=6)

    def test_a_lost_answer_to_a_park_leaves_it_parked_until_the_backend_is_found_to_have_it(self):
        for how in ("before", "after", "late"):
            with self.subTest(how=how):
                content = self.content()
                self.backend.fail_after_effect(content)
                self.backend.find_stale(content, times=2)  # before the save, and then once more
                self.proxy.cut(PARK, how, key_of(content))
                self.assert_unknown(self.unlucky.save(content))
                self.assert_parked(content)
                self.proxy.cut(TAKE_OVER, how)
                self.assert_told_parked(self.unlucky.save(content))
                self.assert_parked(content)
                self.assert_saved(content, self.servers[0].save(content))
                self.proxy.land()
                self.assertEqual(self.claims(content), ["0"])
        self.assert_cut(times=6)

    def test_a_lost_answer_to_a_release_leaves_it_free(self):
        for how in ("before", "after", "late"):
            with self.subTest(how=how):
                content = self.content()
                self.backend.fail("save", content, 429)
                self.proxy.cut(RELEASE, how, key_of(content))
                self.assert_failed(self.unlucky.save(content))
                self.assertEqual(self.claims(content), ["0"])
                gate = self.backend.hold("save", content)
                saved = self.ask(self.servers[0], content)
                gate.wait_reached()
                self.proxy.land()
                self.assertEqual(self.claims(content), ["1"])  # it is somebody else's now
                gate.open()
                self.assert_saved(content, saved.result())
        self.assert_cut(times=3)

    def fail_with_a_late_claim(self, content):
        self.backend.fail("save", content, 429)
        self.proxy.cut(CLAIM, "late")
        self.assert_failed(self.unlucky.save(content))
        self.proxy.land()
        self.assert_cut()

    def test_a_claim_that_comes_after_its_release_blocks_no_other_server(self):
        content = self.content()
        self.fail_with_a_late_claim(content)
        self.assert_saved(content, self.servers[0].save(content))

    def test_a_claim_that_comes_after_its_release_is_released_by_its_server(self):
        content = self.content()
        self.fail_with_a_late_claim(content)
        self.assert_saved(content, self.unlucky.save(content))

    def test_behind_a_one_way_partition_a_claim_waits_and_is_found(self):
        content = self.content()
        self.proxy.cut(CLAIM, "silent")
        asked = self.ask(self.unlucky, content)
        self.wait_for_claims(content, "count(*)", ["1"])
        self.assertEqual(self.servers[0].save(content, prefer="wait=0.1").status, 202)
        self.proxy.heal()
        self.assert_saved(content, asked.result())

    def test_behind_a_one_way_partition_a_confirm_is_seen_by_all_others(self):
        content = self.content()
        self.proxy.cut(CONFIRM, "silent")
        asked = self.ask(self.unlucky, content)
        self.wait_for_cut()
        others = [server.save(content) for server in self.servers]
        self.assertEqual({answer.status for answer in others}, {200}, others)
        self.assertFalse(asked.done())
        self.proxy.heal()
        saved = asked.result()
        self.assertEqual(saved.status, 201, saved)
        self.assert_saved(content, saved, *others)

    def test_behind_a_one_way_partition_what_is_parked_is_saved_by_another(self):
        content = self.content()
        self.backend.fail_after_effect(content)
        self.proxy.cut(PARK, "silent", key_of(content))
        asked = self.ask(self.unlucky, content)
        self.wait_for_claims(content, "parked", ["t"])
        second = self.servers[0].save(content)
        self.assertEqual(second.status, 201, second)
        self.proxy.heal()
        self.assert_unknown(asked.result())
        self.assert_saved(content, second)

    def test_behind_a_one_way_partition_what_is_released_is_saved_by_another(self):
        content = self.content()
        self.backend.fail("save", content, 429)
        self.proxy.cut(RELEASE, "silent", key_of(content))
        asked = self.ask(self.unlucky, content)
        self.wait_for_cut()
        second = self.servers[0].save(content)
        self.assertEqual(second.status, 201, second)
        self.proxy.heal()
        self.assertEqual(asked.result().status, 502)
        self.assert_saved(content, second)

    def test_whatever_is_cut_no_content_takes_effect_twice(self):
        contents = [self.content() for _ in range(100)]
        chance = random.Random(21)
        for content in contents:
            fault = chance.randrange(4)
            if fault == 0:
                self.backend.fail_after_effect(content, chance.choice((500, None)))
            elif fault == 1:
                self.backend.fail("save", content, chance.choice((429, 503, None)))
            elif fault == 2:
                self.backend.fail("find", content, 503)
        self.backend.delay = 0.2
        self.addCleanup(setattr, self.backend, "delay", 0)
        told, end = self.send_until(contents, [*self.servers, self.unlucky, self.unlucky])
        for _ in range(60):
            self.proxy.cut(chance.choice((CLAIM, CLAIM, CONFIRM, PARK, RELEASE, TAKE_OVER)),
                           chance.choice(("before", "after", "late")))
            end.wait(0.1)
            if chance.random() < 0.2:
                self.proxy.land()
        self.proxy.land()
        end.set()
        self.judge(contents, told())
        self.assertGreater(self.proxy.cuts - self.cuts_before, 10)
        wait_until(lambda: self.postgres.query("SELECT count(*) FROM itemgate.claim WHERE NOT parked") == ["0"],
                   "no claim is left over")


if __name__ == "__main__":
    unittest.main()
