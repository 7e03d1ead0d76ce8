#!/usr/bin/env python3
"""`itemgate lock`: a command under a distributed lock, as a user's scripts run it."""

import os
import re
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

from blackbox import BUSY, OK, SERVER, USAGE, run, start
from clock_shift import ClockShift
from redis_servers import Redis, free_port

LOCK_LOST = 8


def state_of(pid):
    """The letter that the kernel has for it; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class LockTest(unittest.TestCase):
    def setUp(self):
        self.servers = [self.enterContext(Redis()) for _ in range(3)]
        self.redis = [word for server in self.servers for word in ("--redis", server.address)]

    def keys(self):
        return [server.command("GET", "redlock:job") for server in self.servers]

    def hold(self, *options, command=("cat",)):
        """Starts a command under the lock that runs until its input ends, and waits until it is running."""
        holder = start("lock", "job", *self.redis, *options, "--", "sh", "-c", 'echo running; exec "$@"', "sh",
                       *command)
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        self.assertEqual(holder.stdout.readline(), b"running\n")
        return holder

    def end(self, holder):
        holder.communicate(timeout=60)
        return holder.returncode

    def test_the_commands_own_exit_code(self):
        for code in (0, 1, 42):
            self.assertEqual(run("lock", "job", *self.redis, "--", "sh", "-c", f"exit {code}").status, code)
        self.assertEqual(run("lock", "job", *self.redis, "--", "sh", "-c", "kill -9 $$").status, 128 + 9)
        self.assertEqual(self.keys(), ["", "", ""])

    def test_a_command_that_cannot_be_started_is_told(self):
        with tempfile.NamedTemporaryFile() as no_program:
            for name, status, why in (("no-such-program", 127, "No such file or directory"),
                                      (no_program.name, 126, "Permission denied")):
                ended = run("lock", "job", *self.redis, "--", name)
                self.assertEqual((ended.status, ended.err), (status, f"itemgate: cannot run {name}: {why}\n"))
            told = run("lock", "--json", "job", *self.redis, "--", "no-such-program")
            self.assertEqual((told.status, told.errors()[0]["code"]), (127, "not_found"))
        self.assertEqual(run("lock", "job", *self.redis, "--", "sh", "-c", "exit 127").err, "")
        self.assertEqual(self.keys(), ["", "", ""])

    def test_servers_that_were_just_started_can_be_left_out(self):
        ended = run("lock", "job", *self.redis, "--min-uptime", "1h", "--", "true")
        self.assertEqual(ended.status, SERVER)
        self.assertRegex(ended.err, r"NoQuorum.*: it was started \d+ s ago, and has no vote until it is up for 3600 s;")
        self.assertEqual(run("lock", "job", *self.redis, "--min-uptime", "0s", "--", "true").status, OK)

    def test_input_and_output_are_the_commands(self):
        ended = run("lock", "job", *self.redis, "--", "tr", "a-z", "A-Z", stdin=b"words")
        self.assertEqual((ended.status, ended.out), (OK, b"WORDS"))

    def test_the_value_tells_who_holds_it(self):
        holder = self.hold()
        value = self.keys()[0]
        self.assertRegex(value, rf"^{re.escape(socket.gethostname())}/{holder.pid}/[0-9a-f-]{{36}}$")
        self.assertEqual(self.keys(), [value] * 3)
        self.assertEqual(self.end(holder), OK)
        self.assertEqual(self.keys(), ["", "", ""])

    def test_a_held_lock_is_another_exit_code(self):
        self.hold()
        ended = run("lock", "job", *self.redis, "--no-wait", "--", "true")
        self.assertEqual(ended.status, BUSY)
        self.assertIn("somebody else has the lock", ended.err)
        self.assertIn("Conflicted: ", ended.err)
        self.assertEqual(run("lock", "job", *self.redis, "--wait", "300ms", "-E", "75", "--", "true").status, 75)
        self.assertEqual(run("lock", "other", *self.redis, "--no-wait", "--", "true").status, OK)

    def test_who_may_have_lost_to_nobody_asks_again_without_waiting(self):
        """Others that began at the same moment have two of four servers, and give them back."""
        servers = [*self.servers, self.enterContext(Redis())]
        for server in servers[:2]:
            server.command("SET", "redlock:job", "another's")
        with socket.create_connection((servers[2].host, servers[2].port)) as monitor:
            monitor.sendall(b"MONITOR\r\n")
            seen = monitor.makefile()
            self.assertEqual(seen.readline(), "+OK\n")
            asker = start("lock", "job", "--no-wait", *self.redis, "--redis", servers[3].address, "--", "echo", "mine")
            while '"evalsha"' not in seen.readline().lower():  # what its first question has got is given back
                pass
            for server in servers[:2]:
                with socket.create_connection((server.host, server.port)) as other:
                    other.sendall(b"DEL redlock:job\r\n")
                    other.recv(100)
        self.assertEqual(asker.communicate(timeout=60)[0], b"mine\n")

    def test_waits_for_its_turn(self):
        holder = self.hold()
        waiter = start("lock", "job", *self.redis, "--", "echo", "my turn")
        self.assertEqual(self.end(holder), OK)
        self.assertEqual(waiter.communicate(timeout=60)[0], b"my turn\n")
        self.assertEqual(waiter.returncode, OK)

    def test_a_crash_frees_the_lock_after_its_expiry(self):
        holder = self.hold("--expiry", "1s")
        holder.kill()
        self.assertEqual(run("lock", "job", *self.redis, "--", "true").status, OK)

    def test_a_lost_lock_stops_the_command(self):
        holder = self.hold("--expiry", "900ms", command=("sleep", "60"))
        for server in self.servers:
            server.command("FLUSHALL")
        _, err = holder.communicate(timeout=60)
        self.assertEqual(holder.returncode, LOCK_LOST)
        self.assertIn(b"the lock was lost", err)

    def test_a_command_that_ignores_the_request_is_killed(self):
        stubborn = (sys.executable, "-c",
                    "import signal; signal.signal(15, signal.SIG_IGN)\nwhile True: signal.pause()")
        holder = self.hold("--expiry", "900ms", "--kill-after", "200ms", command=stubborn)
        for server in self.servers:
            server.command("FLUSHALL")
        self.assertEqual(self.end(holder), LOCK_LOST)

    def test_what_the_command_has_started_is_stopped_with_it(self):
        holder = start("lock", "job", *self.redis, "--expiry", "900ms", "--", "sh", "-c",
                       '(trap "" TERM; while :; do sleep 1; done) & echo $!; wait')
        self.addCleanup(holder.kill)
        pid = int(holder.stdout.readline())
        for server in self.servers:
            server.command("FLUSHALL")
        self.assertEqual(self.end(holder), LOCK_LOST)
        self.await_end(pid)

    def test_a_command_does_not_outlive_its_guardian(self):
        holder = start("lock", "job", *self.redis, "--", "sh", "-c", "echo $$; exec sleep 600")
        pid = int(holder.stdout.readline())
        holder.kill()
        holder.communicate(timeout=60)
        self.await_end(pid)

    def test_a_stubborn_command_is_gone_before_the_lock_expires(self):
        holder = start("lock", "job", *self.redis, "--expiry", "3s", "--kill-after", "1s", "--", "sh", "-c",
                       'trap "" TERM; echo $$; while :; do sleep 0.1; done')
        self.addCleanup(holder.kill)
        pid = int(holder.stdout.readline())
        for server in self.servers:
            server.process.send_signal(signal.SIGSTOP)  # nothing is renewed from here on
        begin = time.monotonic()
        self.await_end(pid)
        self.assertLess(time.monotonic() - begin, 3.4)  # much less than the expiry and a second
        self.assertEqual(self.end(holder), LOCK_LOST)

    def test_one_that_learns_late_of_the_loss_gives_the_command_no_more_time(self):
        holder = start("lock", "job", *self.redis, "--expiry", "5s", "--kill-after", "2400ms", "--", "sh", "-c",
                       'trap "" TERM; echo $$; while :; do sleep 0.1; done')
        self.addCleanup(holder.kill)
        pid = int(holder.stdout.readline())
        holder.send_signal(signal.SIGSTOP)
        while self.keys() != ["", "", ""]:
            time.sleep(0.05)
        holder.send_signal(signal.SIGCONT)
        begin = time.monotonic()
        self.await_end(pid)
        self.assertLess(time.monotonic() - begin, 1.2)
        self.assertEqual(self.end(holder), LOCK_LOST)

    def test_a_command_cannot_be_given_more_time_than_the_lock_has(self):
        ended = run("lock", "job", *self.redis, "--expiry", "4s", "--kill-after", "2s", "--", "true")
        self.assertNotEqual(ended.status, OK)
        self.assertIn("at most 1900 ms", ended.err)

    def await_end(self, pid):
        """Whether or not anybody has reaped it."""
        deadline = time.monotonic() + 60
        while state_of(pid) not in ("", "Z"):
            self.assertLess(time.monotonic(), deadline, "still running")
            time.sleep(0.01)

    def test_interrupts_are_handed_on(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            holder = self.hold()
            holder.send_signal(number)
            self.assertEqual(holder.wait(timeout=60), 128 + number)
            self.assertEqual(self.keys(), ["", "", ""])

    def test_a_wait_can_be_interrupted(self):
        self.hold()
        waiter = start("lock", "job", *self.redis, "--", "true")
        while self.servers[0].command("CLIENT", "LIST").count("name=itemgate-lock") < 2:
            pass
        waiter.send_signal(signal.SIGTERM)
        self.assertEqual(waiter.wait(timeout=60), 130)
        waiter.communicate()

    def test_without_servers_there_is_no_lock(self):
        ended = run("lock", "job", "--redis", f"127.0.0.1:{free_port()}", "--", "true")
        self.assertEqual(ended.status, SERVER)
        self.assertIn("NoQuorum", ended.err)
        self.assertIn("Connection refused", ended.err)
        self.assertIn("`itemgate doctor redis SERVERS` tells what is wrong", ended.err)

    def test_the_printed_acl_suffices(self):
        printed = run("redis-acl", "--user", "locker", "--database").out.decode()
        with tempfile.TemporaryDirectory() as folder:
            acl = Path(folder, "users.acl")
            acl.write_text(printed.replace("PASSWORD", "secret") + "user default on nopass ~* &* +@all\n")
            server = self.enterContext(Redis("--aclfile", str(acl)))
            address = server.address + ",user=locker,password=secret,defaultDatabase=3"
            ended = run("lock", "job", "--redis", address, "--expiry", "300ms",
                        "--", "sleep", "1")
            self.assertEqual(ended.status, OK, ended.err)
            self.assertEqual(server.command("-n", "3", "GET", "redlock:job"), "")
            refused = server.command("--user", "locker", "--pass", "secret", "--no-auth-warning", "KEYS", "*")
            self.assertIn("NOPERM", refused)

    def test_the_acl_of_each_use_and_place_is_one_line(self):
        for options, has, has_not in (
                ((), "+evalsha", "+role"),
                (("--on", "group"), "+role", "+select"),
                (("--on", "sentinel"), "+sentinel|master", "~"),
                (("--for", "cache"), "~seen:* +ping", "+get"),
                (("--for", "cache", "--on", "cluster"), "+asking", "+mget"),
                (("--for", "lock", "--for", "cache", "--for", "doctor"), "~redlock:* ~seen:* &redlock:*", "+role")):
            ended = run("redis-acl", *options)
            self.assertEqual((ended.status, ended.out.count(b"\n")), (OK, 1))
            self.assertRegex(ended.out.decode(), "^user itemgate reset on >PASSWORD resetchannels ")
            self.assertIn(has, ended.out.decode())
            self.assertNotIn(has_not, ended.out.decode())
        for options in (("--on", "cluster"), ("--for", "cache", "--on", "group"), ("--user", "a b"), ("--for", "all")):
            self.assertEqual(run("redis-acl", *options).status, USAGE, options)

    def test_doctor(self):
        healthy = run("doctor", "redis", *(server.address for server in self.servers))
        self.assertEqual(healthy.status, OK, healthy.out)
        self.assertIn(b"3 of 3 votes can be given; 2 are needed", healthy.out)
        everybody = ", ".join(server.address for server in self.servers)
        self.assertIn(f"warning  {everybody} is reached without TLS", healthy.out.decode())  # said once
        evicting = self.enterContext(Redis("--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru"))
        replica = self.enterContext(Redis("--replicaof", "127.0.0.1", str(self.servers[0].port)))
        sick = run("doctor", "redis", "--json", self.servers[0].address, f"localhost:{self.servers[0].port}",
                   evicting.address, replica.address, f"127.0.0.1:{free_port()}")
        self.assertEqual(sick.status, 1)
        problems = [line["text"] for line in sick.json() if line["severity"] == "problem"]
        for text in ("is the same server as", "may evict locks", "is a replica", "cannot be reached"):
            self.assertTrue(any(text in problem for problem in problems), (text, problems))

    def test_wrong_usage(self):
        self.assertEqual(run("lock", "job").status, USAGE)
        self.assertEqual(run("lock", "job", "--expiry", "soon", "--", "true").status, USAGE)
        self.assertEqual(run("lock", "job", "--redis", "redis+cluster://host:1", "--", "true").status, USAGE)
        group = run("lock", "job", "--redis", "127.0.0.1:1,127.0.0.1:2", "--", "true")
        self.assertEqual(group.status, USAGE)
        self.assertIn("once for each server", group.err)


class ClockTest(unittest.TestCase):
    """Somebody sets the clocks of Redis servers, by which keys expire."""

    def setUp(self):
        self.servers, self.clocks = [], []
        for _ in range(3):
            folder = self.enterContext(tempfile.TemporaryDirectory(prefix="itemgate-clock-"))
            self.clocks.append(ClockShift(folder))
            self.servers.append(self.enterContext(Redis(environment=os.environ | self.clocks[-1].environment)))
        self.redis = [word for server in self.servers for word in ("--redis", server.address)]

    def hold(self, *options):
        holder = start("lock", "job", *self.redis, *options, "--", "sh", "-c", "echo running; exec cat")
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        self.assertEqual(holder.stdout.readline(), b"running\n")
        return holder

    def await_key(self, server):
        deadline = time.monotonic() + 60
        while not (value := server.command("GET", "redlock:job")):
            self.assertLess(time.monotonic(), deadline, "it does not get the key again")
        return value

    def test_one_clock_ahead_costs_one_vote_until_the_next_renewal(self):
        holder = self.hold("--expiry", "1s")
        value = self.servers[1].command("GET", "redlock:job")
        self.clocks[0].set(3600)
        self.assertEqual(self.await_key(self.servers[0]), value)
        self.assertEqual(run("lock", "job", *self.redis, "--no-wait", "--", "true").status, BUSY)
        holder.communicate(timeout=60)
        self.assertEqual(holder.returncode, OK)

    def test_a_majority_of_clocks_ahead_is_a_loss(self):
        holder = self.hold("--expiry", "2s")
        for clock in self.clocks[:2]:
            clock.set(3600)
        holder.wait(timeout=60)
        self.assertEqual(holder.returncode, LOCK_LOST)

    def test_a_clock_behind_keeps_a_key_but_not_the_lock(self):
        holder = self.hold("--expiry", "1s")
        self.clocks[0].set(-3600)
        holder.kill()
        self.assertEqual(run("lock", "job", *self.redis, "--", "true").status, OK)
        self.assertNotEqual(self.servers[0].command("GET", "redlock:job"), "")  # the dead one's


if __name__ == "__main__":
    unittest.main()
