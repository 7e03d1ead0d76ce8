"""Servers that share a slow backend, and their way to the database: what becomes of claims on a bad line.

Answers to claim, confirm, park and release are lost at the worst moment, before and after the database has done what
was asked. cluster_backend_test.py has the same backend on a good line; claimed_saves_world_test.cc, every order of it.
"""

import unittest

from backend_serving import ThreeServers
from delaying_proxy import DelayingProxy
from serving import Server


class Claims(ThreeServers):
    def server_behind(self, proxy, *flags):
        """One more server, whose database is behind the proxy. It ends with the test."""
        folder = self.folder / f"behind-{next(self.numbers)}"
        folder.mkdir()
        store = self.postgres.url.replace(f":{self.postgres.port}/", f":{proxy.port}/")
        return self.enterContext(Server(folder, "--store", store, "--backend.url", self.backend.url, *self.flags(),
                                        *flags))


class SlowLine(Claims):
    def test_a_long_content_gets_the_time_that_its_way_takes(self):
        proxy = self.enterContext(DelayingProxy(self.postgres.port))
        server = self.server_behind(proxy, "--postgres.timeout", "2s")
        content = self.content() + b"." * (4 << 20)
        proxy.bytes_per_second = 2 << 20  # so it takes two seconds, and each try had one
        saved = server.save(content, prefer="wait=30")
        self.assertEqual(saved.status, 201, saved)
        proxy.bytes_per_second = None
        self.assert_saved(content, saved)


if __name__ == "__main__":
    unittest.main()
