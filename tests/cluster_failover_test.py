"""Three servers whose database is lost, and whose standby is promoted: a synchronous one has all that was acknowledged;
of one that was behind exactly the tail is lost, and nobody is told any more that it is there."""

import concurrent.futures
import random
import time
import unittest

from backend_server import Backend
from cluster import Cluster
from cluster_clients import BREAKS, ClusterTest, Clients, Ledger
from postgres_serving import Standby
from serving import wait_until


class Failover(ClusterTest):
    FLAGS = ("--postgres.timeout", "2s", "--limits.connections-per-address", "0")

    @classmethod
    def setUpClass(cls):
        """Each test has a cluster of its own, for it loses a part of it."""

    def begin(self, *flags, synchronous, redis=0):
        type(self).unseen = 0
        self.ledger = Ledger()
        self.cluster = self.enterContext(Cluster(*self.FLAGS, *flags, servers=0, redis=redis))
        self.primary = self.postgres = self.cluster.postgres
        self.standby = self.enterContext(Standby(self.primary, synchronous=synchronous))
        store = (f"postgres://postgres@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/items"
                 "?target_session_attrs=read-write")
        self.servers = [self.cluster.add_server(store=store) for _ in range(3)]

    def fail_over(self, may_lack_commits):
        self.primary.kill()
        self.standby.promote(may_lack_commits)
        self.postgres = self.standby

    def group(self, name, *allowed):
        return Clients(self.servers, self.ledger, name, allowed)

    def send(self, name, count=200):
        """So many requests with contents of that name, each of which succeeds."""
        with self.group(name) as clients:
            clients.wait_for_saved(count)
        return clients

    def restart_all(self):
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            self.assertEqual(server.wait(), 0)
            server.start()

    def wait_until_it_knows(self, server):
        """Until the server has seen that the database is not the one it knew; it has to be asked something."""
        def knows():
            self.save(server, "sent while it does not know")
            return b"had a failover" in server.manage("GET", "/readyz").body
        wait_until(knows, "the server knows of the failover")

    def test_a_synchronous_standby_has_all_that_was_acknowledged(self):
        self.begin(synchronous=True)
        with self.group("item", *BREAKS) as clients:
            clients.wait_for_saved(200)
            self.primary.kill()
            clients.wait_for("refused", 20)
            self.fail_over(may_lack_commits=False)
            seconds = clients.wait_for_recovery()
            self.wait_until_ready()
        self.audit(clients)
        print(f"  back {seconds:.1f} s after the standby was promoted")
        self.assertLess(seconds, 10)

    def test_an_asynchronous_standby_lacks_its_tail_and_nobody_is_told_otherwise_any_more(self):
        self.begin(synchronous=False, redis=3)
        self.send("kept")
        self.standby.wait_until_level()
        kept = dict(self.ledger.ids)
        self.standby.hold_up()
        self.send("lost")
        lost = [content for content in self.ledger.ids if content not in kept]
        self.fail_over(may_lack_commits=True)

        # Servers may remember what is lost; they say so no longer than it takes them to see the generation.
        started = time.monotonic()
        for server in self.servers:
            self.wait_until_it_knows(server)
        seconds = time.monotonic() - started
        for server in self.servers:
            for content in (*random.Random(1).sample(lost, 20), *random.Random(2).sample(list(kept), 20), "new"):
                answer = server.save(content.encode())
                self.assertEqual((answer.status, answer.code), (503, "store-unavailable"), answer)
            self.assertEqual(server.get(f"/v1/items/{len(kept)}").status, 503)
        print(f"  {len(lost)} of {len(self.ledger.ids)} lost; all servers knew {seconds:.1f} s after the failover")
        self.assertLess(seconds, 5)
        left = self.standby.query("SELECT count(*), max(id) FROM itemgate.item")
        self.assertEqual(left, [f"{len(kept)}|{len(kept)}"])

        # Restarted, they make it again, once, whatever Redis remembers. Ids that are lost are given again.
        before, self.ledger = self.ledger, Ledger()
        self.ledger.ids = kept
        for content in kept:
            self.ledger.creators[content] = before.creators[content]
        self.restart_all()
        for content in lost:
            self.assertEqual(self.save(random.choice(self.servers), content).status, 201)
        for server in self.servers:
            for content in before.ids:
                self.assertEqual(self.save(server, content).status, 200)
        self.audit(self.send("after"))

    def test_a_commit_that_did_not_wait_for_the_standby_is_unknown_and_may_be_lost(self):
        self.begin(synchronous=True)
        self.send("kept", 100)
        self.standby.hold_up()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.save, self.servers[0], "cancelled")
            waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%insert_items%'"  # no heartbeat
            wait_until(lambda: self.primary.query(f"SELECT count(*) {waits}") == ["1"], "it waits for the standby")
            self.primary.query(f"SELECT pg_cancel_backend(pid) {waits}")
            answer = first.result()
        self.assertEqual((answer.status, answer.code), (502, "save-unknown"), answer)
        shown = "SELECT count(*) FROM itemgate.item WHERE content = 'cancelled'"
        self.assertEqual(self.primary.query(shown), ["1"])
        self.fail_over(may_lack_commits=True)
        self.assertEqual(self.standby.query(shown), ["0"])
        self.restart_all()
        self.assertEqual(self.save(self.servers[1], "cancelled").status, 201)
        self.assertEqual(self.save(self.servers[0], "cancelled").status, 200)
        self.audit(self.send("after", 100))

    def test_an_old_primary_that_comes_back_gets_nothing(self):
        self.begin(synchronous=False)
        self.send("kept")
        self.standby.wait_until_level()
        count = len(self.ledger.ids)
        self.fail_over(may_lack_commits=True)
        self.restart_all()
        self.send("later")
        self.primary.start()  # which nobody should do: servers try this one first
        self.standby.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'items'"
                           " AND pid <> pg_backend_pid()")
        for server in self.servers:
            self.wait_until_it_knows(server)
        self.assertEqual(self.primary.query("SELECT count(*) FROM itemgate.item"), [str(count)])
        self.primary.kill()
        self.restart_all()
        self.audit(self.send("after"))

    def test_a_lost_claim_does_not_send_a_content_to_the_backend_twice(self):
        with Backend() as backend, concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.begin("--backend.url", backend.url, "--backend.lease", "2s", "--backend.horizon", "5s",
                       synchronous=False)
            self.send("kept", 100)
            self.standby.wait_until_level()
            self.standby.hold_up()
            there, not_yet = b"the backend has it", b"the backend gets it later"
            gates = [backend.hold_after_effect(there), backend.hold("find", not_yet)]
            first = [pool.submit(self.servers[0].save, content) for content in (there, not_yet)]
            for gate in gates:
                gate.wait_reached()
            self.fail_over(may_lack_commits=True)
            self.assertEqual(self.standby.query("SELECT count(*) FROM itemgate.claim"), ["0"])
            for server in self.servers[1:]:
                server.kill()
                server.start()
            found = self.save(self.servers[1], there.decode())
            self.assertEqual(found.status, 201, found)
            early = self.servers[2].save(not_yet)  # for it may still be on its way
            self.assertEqual((early.status, early.code), (503, "store-unavailable"), early)
            for gate in gates:
                gate.open()
            told = [one.result() for one in first]
            for answer in told:  # that server does not know this database, but what it finds there is true
                if answer.status != 200:
                    self.assertIn(answer.code, ("save-unknown", "store-unavailable"), answer)
                else:
                    self.assertEqual(answer.id, found.id)
            type(self).unseen += len(told)
            self.servers[0].kill()
            self.servers[0].start()
            with self.group("after", "refused") as clients:
                clients.wait_for("refused")
                clients.wait_for_recovery()
            for server in self.servers:
                self.assertEqual(self.save(server, there.decode()).id, found.id)
                self.assertIn(self.save(server, not_yet.decode()).status, (200, 201))
            self.audit(clients)
            self.assertEqual(set(backend.all_effects().values()), {1})
            self.assertEqual(len(backend.all_effects()), len(self.ledger.ids))


if __name__ == "__main__":
    unittest.main()
