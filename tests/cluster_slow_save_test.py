"""A save that takes the backend forty real seconds, four times the default lease: nobody takes it over.

It only waits, and so runs beside other tests. cluster_backend_test.py has the same with shorter times, and all else.
"""

import time
import unittest

from backend_server import digest_of
from backend_serving import ThreeServers

SAVE_SECONDS = 40


class SlowSave(ThreeServers):
    @classmethod
    def flags(cls):
        return ()  # the lease is the default

    def test_F47_nobody_takes_over_a_save_of_forty_seconds(self):
        content = self.content()
        self.backend.delay = SAVE_SECONDS
        begin = time.monotonic()
        asked = [self.ask(server, content) for server in self.servers]
        told = 0
        while time.monotonic() - begin < SAVE_SECONDS - 3:
            for server in self.servers:
                sent = time.monotonic()
                impatient = server.save(content, prefer="wait=1")
                self.assertEqual((impatient.status, impatient.outcome), (202, "in-progress"), impatient)
                self.assertLess(time.monotonic() - sent, 3)
                told += 1
            claim = self.postgres.query("SELECT epoch, parked FROM itemgate.claim"
                                        f" WHERE digest = '\\x{digest_of(content)}'")
            self.assertEqual(claim, ["1|f"])
        answers = [answer.result() for answer in asked]
        self.assertGreaterEqual(time.monotonic() - begin, SAVE_SECONDS)
        self.assertEqual(len({answer.id for answer in answers}), 1)
        self.assertLessEqual(sum(answer.status == 201 for answer in answers), 1)
        self.assertEqual({server.save(content).status for server in self.servers}, {200})
        self.assertEqual((self.backend.calls("find", content), self.backend.calls("save", content)), (1, 1))
        self.assertEqual(self.backend.effects(content), 1)
        self.assertGreater(told, 10)


if __name__ == "__main__":
    unittest.main()
