"""A whole cluster on one machine, as real processes: PostgreSQL, Redis servers, Itemgate servers, nginx in front.

tools/lab shows it to people; the fault tests break it. All processes end with the one that started them, whatever
becomes of that.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import blackbox
import postgres_serving
from postgres_serving import Postgres, as_database_user
from processes import die_with_parent, free_port, tail
from redis_servers import Redis
from serving import Server, wait_until

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream itemgate {{
    {servers}
    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_read_timeout 75s; proxy_connect_timeout 1s;
    proxy_next_upstream error timeout http_502 http_503 non_idempotent;  # nothing is saved twice
    location / {{ proxy_pass http://itemgate; client_body_buffer_size 1m; }}
    location ~ (:batch|/feed)$ {{ proxy_pass http://itemgate; proxy_buffering off; proxy_request_buffering off; }}
  }}
}}
"""

PROGRAMS = {"setpriv": "util-linux", "redis-server": "redis-server", "nginx": "nginx-light"}


def missing_packages(redis=True, nginx=True):
    """The Debian packages of the programs that are not there, as {program: package}."""
    wanted = {name: package for name, package in PROGRAMS.items()
              if not (name == "redis-server" and not redis or name == "nginx" and not nginx)}
    missing = {name: package for name, package in wanted.items() if not shutil.which(name)}
    if not (postgres_serving.PROGRAMS / "initdb").exists():
        missing["initdb"] = "postgresql-15"
    return missing


class Nginx:
    """nginx in front of some addresses, in turn. A context manager."""

    def __init__(self, folder, addresses):
        self.folder, self._addresses = folder, addresses
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "error.log"

    def __enter__(self):
        self.folder.mkdir()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self.configuration())
        self.process = subprocess.Popen(
            ["nginx", "-p", self.folder, "-c", configuration, "-e", self.log_path], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM))  # so that its worker ends, too
        try:
            wait_until(lambda: (self.folder / "pid").exists() or self.process.poll() is not None, "nginx runs")
            if self.process.poll() is not None:
                raise RuntimeError(f"nginx does not start:\n{tail(self.log_path)}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def configuration(self):
        servers = "\n    ".join("server %s:%d max_fails=0;" % address for address in self._addresses)
        return NGINX.format(folder=self.folder, port=self.port, servers=servers)


class Cluster:
    """PostgreSQL with Itemgate's tables, Redis servers, Itemgate servers and perhaps nginx. A context manager.

    `flags` go to each server. What was started is ended in reverse order, also if something does not start. Data and
    logs are in `folder`, which must be there and stays, else in a temporary one.
    """

    def __init__(self, *flags, folder=None, servers=3, redis=5, nginx=False, binary=blackbox.BINARY, durable=False,
                 host="127.0.0.1", postgres_settings=(), initdb_arguments=(), postgres_environment=None,
                 server_environment=None, redis_arguments=(), redis_user=None, redis_environments=(),
                 say=lambda _: None):
        self.flags, self.binary, self.say = flags, binary, say
        self.server_count, self.redis_count, self.with_nginx = servers, redis, nginx
        self._folder, self._durable, self._host = folder, durable, host
        self._postgres_settings, self._initdb_arguments = postgres_settings, initdb_arguments
        self._postgres_environment, self._server_environment = postgres_environment, server_environment
        self._redis_arguments, self._redis_user = redis_arguments, redis_user
        self._redis_environments = redis_environments  # of the first so many

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._stack = stack
            self.folder = Path(self._folder or stack.enter_context(
                tempfile.TemporaryDirectory(prefix="itemgate-lab-", ignore_cleanup_errors=True)))
            self.folder.chmod(0o711)  # PostgreSQL is run by another user
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def _start(self):
        self.say("PostgreSQL")
        self.postgres = self._stack.enter_context(Postgres(
            *self._postgres_settings, folder=self.folder / "postgres", durable=self._durable, host=self._host,
            environment=self._postgres_environment, initdb_arguments=self._initdb_arguments))
        self.redis = []
        for number in range(1, self.redis_count + 1):
            self.say(f"Redis {number}")
            self.redis.append(self._stack.enter_context(Redis(
                *self._redis_arguments, folder=self.folder / f"redis-{number}", host=self._host,
                environment=dict(enumerate(self._redis_environments, 1)).get(number))))
        self.say("the tables")
        self.migrate()
        self.servers = []
        for number in range(1, self.server_count + 1):
            self.say(f"server {number}")
            self.servers.append(self.add_server())
        if self.with_nginx:
            self.say("nginx")
            self.nginx = self._stack.enter_context(
                Nginx(self.folder / "nginx", [server.address for server in self.servers]))

    def migrate(self, binary=None):
        made = subprocess.run([binary or self.binary, "migrate", "--store", self.postgres.url], capture_output=True,
                              text=True, env=blackbox.environment())
        if made.returncode != 0:
            raise RuntimeError(f"itemgate migrate failed:\n{made.stderr}")

    def add_server(self, *flags, store=None, redis_host="127.0.0.1", **options):
        """One more server, on a port that it keeps when it is started again. It ends with the cluster."""
        number = len(list(self.folder.glob("server-*"))) + 1
        folder = self.folder / f"server-{number}"
        folder.mkdir()
        options = {"listen": f"127.0.0.1:{free_port()}", "environment": self._server_environment,
                   "binary": self.binary, "preexec_fn": die_with_parent} | options
        shared = ["--store", store or self.postgres.url]
        if self.redis:
            user = f"{self._redis_user}@" if self._redis_user else ""
            shared += ["--redis", ",".join(f"redis://{user}{redis_host}:{redis.port}" for redis in self.redis)]
        return self._stack.enter_context(Server(folder, *shared, *self.flags, *flags, **options))

    def processes(self):
        """(name, process, log) of all that run."""
        yield "PostgreSQL", self.postgres.process, self.postgres.log_path
        for number, redis in enumerate(self.redis, 1):
            yield f"Redis {number}", redis.process, redis.log_path
        for number, server in enumerate(self.servers, 1):
            yield f"server {number}", server.process, server.log_path
        if self.with_nginx:
            yield "nginx", self.nginx.process, self.nginx.log_path
