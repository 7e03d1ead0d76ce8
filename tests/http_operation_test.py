#!/usr/bin/env python3
"""Running the server: health, metrics, reload, logs, systemd, and starts that fail."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import tomllib
import unittest

from blackbox import BUSY, INPUT_OUTPUT, OK, USAGE, run
from http_connection import Connection, request_bytes
from serving import ContractTest, Server, ServerTest, wait_until

METRICS = """
    itemgate_build_info itemgate_ready itemgate_draining itemgate_config_last_reload_successful itemgate_requests_total
    itemgate_request_duration_seconds itemgate_http_connections itemgate_http_connections_accepted_total
    itemgate_http_connections_refused_total itemgate_http_protocol_errors_total itemgate_http_received_bytes_total
    itemgate_http_sent_bytes_total itemgate_saves_total itemgate_saves_joined_total itemgate_near_cache_hits_total
    itemgate_commits_total itemgate_in_flight itemgate_in_flight_peak itemgate_store_items itemgate_store_disk_bytes
    itemgate_store_syncs_total itemgate_process_start_time_seconds itemgate_process_resident_memory_bytes
    itemgate_process_open_fds itemgate_process_cpu_seconds_total itemgate_log_lines_dropped_total
    itemgate_seen_cache_looks_total itemgate_seen_cache_fills_total itemgate_seen_cache_fills_lost_total
    itemgate_seen_cache_round_trip_seconds itemgate_seen_cache_nodes itemgate_seen_cache_nodes_ready
    itemgate_locks_total itemgate_locks_lost_total
    itemgate_backend_calls_total itemgate_backend_duplicates_total itemgate_parked_contents
    itemgate_orphaned_claims""".split()


class ManagementTest(ContractTest):
    def test_health(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.server.manage("GET", path).status, 200)
            self.assertEqual(self.server.manage("HEAD", path).status, 200)
            self.assertEqual(self.server.manage("POST", path).status, 405)

    def test_the_two_listeners_serve_nothing_of_each_other(self):
        for method, path in (("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/drain")):
            self.assert_problem(self.server.request(method, path), 404, "not-found")
        for path in ("/v1/items", "/v1/stats", "/v1/openapi.json", "/"):
            self.assertEqual(self.server.manage("GET", path).status, 404)
        self.assertEqual(self.server.manage("GET", "/drain").status, 405)

    def test_metrics_are_clean_and_have_their_names(self):
        self.server.save(b"counted")
        self.server.save(b"counted")
        self.server.get("/v1/items/1")
        self.server.get("/nowhere")
        answer = self.server.manage("GET", "/metrics")
        self.assertTrue(answer.fields["content-type"].startswith("text/plain; version=0.0.4"))
        checked = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))
        self.assertEqual(sorted(re.findall(r"(?m)^# TYPE (\S+)", answer.body.decode())), sorted(METRICS))
        self.assertEqual(self.server.metric('itemgate_saves_total{outcome="created"}'), 1)
        self.assertEqual(self.server.metric('itemgate_saves_total{outcome="duplicate"}'), 1)
        self.assertEqual(self.server.metric("itemgate_store_items"), 1)
        routes = set(re.findall(r'itemgate_requests_total\{.*route="([^"]*)"', answer.body.decode()))
        self.assertLessEqual({"/v1/items", "/v1/items/{id}"}, routes)
        self.assertNotIn("/nowhere", routes, "senders must not choose labels")

    def test_the_start_says_how_to_begin(self):
        printed = self.server.out_path.read_text() + self.server.log
        self.assertIn("curl", printed)
        self.assertIn(self.server.url, printed)


class ReloadTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.file = self.write("itemgate.toml", b'[log]\nrequests = "none"\nformat = "json"\n')
        self.server = self.serve("--config", self.file)

    def reload(self, text):
        """Returns when the server has looked at it: a file that changes while it is read may be read half."""
        def looked():
            return len(re.findall(r'"event":"reload(ed|_failed)"', self.server.log))

        before = looked()
        self.file.write_bytes(text)
        self.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: looked() > before, "it is reloaded")

    def is_logged(self):
        name = f"request-{time.monotonic_ns()}"
        self.server.get("/v1/stats", {"X-Request-Id": name})
        return name in self.server.log

    def test_a_good_file_takes_effect_and_a_broken_one_changes_nothing(self):
        self.assertFalse(self.is_logged())
        self.reload(b'[log]\nrequests = "all"\nformat = "json"\n')
        wait_until(self.is_logged, "the new setting holds")
        self.assertEqual(self.server.metric("itemgate_config_last_reload_successful"), 1)
        for broken in (b'[log]\nrequests = "sometimes"\n', b"nonsense", b"[log]\nunknown = 1\n"):
            self.reload(b'[log]\nrequests = "all"\nformat = "json"\n')
            self.assertEqual(self.server.metric("itemgate_config_last_reload_successful"), 1)
            lines = len(self.server.log.splitlines())
            self.reload(broken)
            self.assertEqual(self.server.metric("itemgate_config_last_reload_successful"), 0)
            wait_until(self.is_logged, "the old setting holds")
            told = [line for line in self.server.log.splitlines()[lines:] if "itemgate.toml" in line]
            self.assertEqual(len(told), 1, told)
            self.assertEqual(json.loads(told[0])["level"], "error")


class LogTest(ServerTest):
    def test_each_event_is_one_json_object(self):
        server = self.serve("--log.format", "json", "--log.requests", "all", "--log.level", "debug")
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        server.save(b"\x1b[31m\nnot in the log", X_Request_Id="request-1",
                    traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        server.get("/v1/items/%0a%1b[2J", {"X-Request-Id": "request-2", "User-Agent": "\x80\xff"})
        server.raw(b"GET /\x1b[31m\x07 HTTP/1.1\r\n\r\n")
        server.terminate()
        self.assertEqual(server.wait(), 0)
        events = [json.loads(line) for line in server.log.splitlines()]
        self.assertTrue(all(character.isprintable() for character in server.log.replace("\n", "")), server.log)
        self.assertNotIn("not in the log", server.log)
        event, = (event for event in events if event.get("request_id") == "request-1")
        self.assertEqual((event["route"], event["method"], event["status"], event["trace_id"]),
                         ("/v1/items", "POST", 201, trace))
        for event in events:
            self.assertLessEqual({"time", "level", "event"}, set(event))
            self.assertRegex(event["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\Z")

    def test_text_logs_are_harmless_to_terminals(self):
        server = self.serve("--log.requests", "all")
        server.get("/v1/items/%0a%1b[2J", {"X-Request-Id": "request-3"})
        server.raw(b"GET /\x1b[31m\x07 HTTP/1.1\r\n\r\n")
        server.terminate()
        self.assertEqual(server.wait(), 0)
        self.assertIn("request-3", server.log)
        self.assertNotIn("\x1b", server.log)


class SystemdTest(ServerTest):
    def test_the_service_manager_is_notified(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(30)
            path = str(self.folder / "notify")
            manager.bind(path)
            server = self.serve(environment={"NOTIFY_SOCKET": path})
            self.assertIn("READY=1", manager.recv(4096).decode().split("\n"))
            server.terminate()
            self.assertIn("STOPPING=1", manager.recv(4096).decode().split("\n"))
            self.assertEqual(server.wait(), 0)

    def test_the_service_manager_hears_that_the_server_lives_and_when_it_reloads(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(30)
            path = str(self.folder / "notify")
            manager.bind(path)

            def told():
                return manager.recv(4096).decode().strip()

            def told_other():
                return next(message for message in iter(told, None) if message != "WATCHDOG=1")

            server = self.serve(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "100000"})
            self.assertEqual([told() for _ in range(3)], ["READY=1", "WATCHDOG=1", "WATCHDOG=1"])
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual([told_other(), told_other()], ["RELOADING=1", "READY=1"])
            self.assertEqual(told(), "WATCHDOG=1")
            server.terminate()
            self.assertEqual(told_other(), "STOPPING=1")
            self.assertEqual(server.wait(), 0)

    def test_sockets_are_taken_over(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            wrapper = self.write("activate",
                                 f'#!/bin/bash\nexec 3<&{listener.fileno()}\nexport LISTEN_PID=$$ LISTEN_FDS=1\n'
                                 'exec "$REAL_BINARY" "$@"\n'.encode())
            wrapper.chmod(0o755)
            server = Server(self.folder, binary=wrapper, pass_fds=(listener.fileno(),),
                            environment={"REAL_BINARY": os.environ["ITEMGATE_BINARY"]})
            self.enterContext(server)
            with Connection(("127.0.0.1", port)) as connection:
                self.assertEqual(connection.request("POST", "/v1/items", b"activated").status, 201)
            self.assertIn(("127.0.0.1", port), server.addresses)


class StartTest(ServerTest):
    def serve_and_end(self, *arguments):
        return run("serve", "--data", self.data, *arguments)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            free = ("--management.listen", "127.0.0.1:0")
            for arguments in (("--listen", address, *free), ("--listen", "127.0.0.1:0", "--management.listen",
                                                             address)):
                ended = self.serve_and_end(*arguments)
                self.assertEqual(ended.status, INPUT_OUTPUT, ended.err)
                self.assertIn(address, ended.err)
                self.assertIn("in use", ended.err)

    def test_wrong_flags_and_files(self):
        for arguments in (("--no-such-flag",), ("--listen", "nowhere"), ("--limits.body-bytes", "many"),
                          ("--drain.time", "-1s"), ("--log.format", "xml"), ("--config", self.folder / "absent.toml"),
                          ("--config", self.write("broken.toml", b"listen = [")),
                          ("--config", self.write("unknown.toml", b"no_such_setting = 1\n"))):
            with self.subTest(arguments):
                ended = self.serve_and_end(*arguments)
                self.assertIn(ended.status, (USAGE, INPUT_OUTPUT), ended.err)
                self.assertTrue(ended.err.strip())
                self.assertFalse(self.data.exists(), "nothing is made before the settings are known to be good")

    def test_a_directory_in_use(self):
        server = self.serve()
        ended = self.serve_and_end("--listen", "127.0.0.1:0", "--management.listen", "127.0.0.1:0")
        self.assertEqual(ended.status, BUSY, ended.err)
        self.assertEqual(server.save(b"unharmed").status, 201)

    def test_the_help_names_every_setting_with_its_default(self):
        example = run("config", "example").out.decode()
        settings = tomllib.loads(re.sub(r"(?m)^#(?=\w+ = )", "", example))
        defaults = {flag_of(*names): default for names, default in leaves_of(settings)}
        self.assertGreater(len(defaults), 50)
        shown = run("serve", "--help")
        self.assertEqual(shown.status, OK)
        text = shown.out.decode().partition("\nSettings ")[2].partition("\n\n")[0]
        flags = re.findall(r"(?m)^  (?:-\w,)?(--\S+) (.*(?:\n {10,}.*)*)", text)
        self.assertEqual({flag: default_shown(rest) for flag, rest in flags}, defaults)


def leaves_of(table, *names):
    """((section, name), value) of all settings."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves_of(value, *names, name)
        else:
            yield (*names, name), ",".join(value) if isinstance(value, list) else str(value)


def flag_of(*names):
    return "--" + ".".join(names).replace("_", "-")


def default_shown(text):
    """What stands in brackets at the end; nothing if that is empty."""
    match = re.search(r" \[([^\[\]]+)\]\Z", text)
    return match[1] if match else ""


if __name__ == "__main__":
    unittest.main()
