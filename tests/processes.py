"""What all who start servers as processes share: ports, and no process that outlives who started it."""

import ctypes
import os
import random
import signal
import socket
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL("libc.so.6")


def free_port():
    """A port that nobody serves, below those that the system gives to outgoing connections: so that a server can take
    it again after a restart, however many connections there were meanwhile."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = random.SystemRandom()
    while True:
        port = ports.randrange(lowest // 2, lowest)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port


def die_with_parent(number=signal.SIGKILL):
    """In a child, before it runs its program: it ends with the thread that started it, and takes no Ctrl-C."""
    os.setsid()
    _LIBC.prctl(PR_SET_PDEATHSIG, number)


def tail(path, characters=2000):
    """The end of a log."""
    return Path(path).read_text(errors="replace")[-characters:] if Path(path).exists() else ""
