"""The servers that the comparisons start: Itemgate, nginx, PostgreSQL and Redis, each in a folder of its own, on the
loopback, ended by their process ids."""
import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

SECONDS_TO_START = 60
NGINX_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 200 '{{"status":"saved","id":123456}}'; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core):
    return ["taskset", "-c", str(core)] if core is not None else []


class Server:
    """A process; a context manager."""

    def __init__(self, name, command, folder, **options):
        self.name, self.folder = name, folder
        self.log = open(folder / f"{name}.log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(SECONDS_TO_START)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def wait_until(self, ready):
        """Polls until `ready` gives something true, and gives it. The server is ended if that fails."""
        end = time.monotonic() + SECONDS_TO_START
        try:
            while not (result := ready()):
                if self.process.poll() is not None or time.monotonic() > end:
                    text = (self.folder / f"{self.name}.log").read_text(errors="replace")
                    raise RuntimeError(f"{self.name} did not start:\n{text[-2000:]}")
                time.sleep(0.02)
            return result
        except BaseException:
            self.__exit__()
            raise

    def resident_bytes(self):
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def start_itemgate(binary, folder, core=None, flags=()):
    """With `port`, the public one."""
    folder.mkdir(parents=True)
    addresses = folder / "addresses.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ITEMGATE_")}
    command = [*pinned(core), binary, "serve", "--listen", "127.0.0.1:0", "--management.listen", "127.0.0.1:0",
               "--addresses-file", addresses, "--data", folder / "data", "--limits.connections-per-address", "0",
               *flags]
    server = Server("itemgate", command, folder, env=environment)
    server.wait_until(lambda: addresses.exists() and addresses.stat().st_size > 0)
    server.port = int(json.loads(addresses.read_text())["listen"][0].rsplit(":", 1)[1])
    server.wait_until(lambda: answers(server.port))
    return server


def start_nginx(folder, core):
    """One worker with a fixed answer: what a request costs when nothing is done for it."""
    folder.mkdir(parents=True)
    (folder / "t").mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX_CONFIGURATION.format(folder=folder, port=port))
    # The worker is a child and so inherits the core.
    server = Server("nginx", [*pinned(core), "nginx", "-p", folder, "-c", configuration], folder)
    server.port = port
    server.wait_until(lambda: answers(port))
    return server


def postgres_programs():
    """The folder of initdb and postgres; nothing if there is none."""
    found = shutil.which("initdb")
    folders = [pathlib.Path(found).resolve().parent] if found else []
    folders += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def start_postgres(folder):
    """A new cluster with PostgreSQL's own durability (fsync, synchronous_commit) and room to work in. Not as root."""
    programs = postgres_programs()
    folder.mkdir(parents=True)
    data = folder / "data"
    options = {}
    if os.geteuid() == 0:  # which PostgreSQL refuses
        user = pwd.getpwnam("postgres")
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.parent.chmod(0o711)  # the scratch folder: so that the folder can be reached
    subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres"], check=True,
                   stdout=subprocess.DEVNULL, cwd=folder, **options)
    port = free_port()
    command = [programs / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
               "-c", f"unix_socket_directories={folder}", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB",
               "-c", "checkpoint_timeout=30min", "-c", "wal_buffers=64MB"]
    server = Server("postgres", command, folder, cwd=folder, **options)
    server.port = port
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    server.wait_until(lambda: subprocess.run(ready).returncode == 0)
    return server


def start_redis(folder):
    """Without persistence. With `address`."""
    folder.mkdir(parents=True)
    port = free_port()
    server = Server("redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                              "no", "--dir", folder], folder)
    server.address = f"127.0.0.1:{port}"
    server.wait_until(lambda: answers(port))
    return server
