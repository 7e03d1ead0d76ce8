"""A proxy in front of a database that loses connections at the worst moment."""

import socket
import threading

from http_connection import RESET
from processes import free_port

READY_FOR_QUERY = b"Z\0\0\0\5"  # PostgreSQL's last message of an answer


class CuttingProxy:
    """Hands bytes through, until the client sends `marker`, and with it `about`; from then on, by `how`:

    before   the bytes are not handed on, and the connection is reset: nothing has happened
    after    they are, the answer is waited for and lost, and the connection is reset: it has happened, unseen
    late     they are kept back, the connection is lost, and land() hands them on: it happens when nobody expects it
    silent   they are, and no connection hands any answer on until heal(): as behind a one-way partition
    lost     as silent, and these bytes are not handed on either

    A context manager. Each cut takes place once.
    """

    def __init__(self, target):
        self._target = target
        self.port = free_port()
        self.cuts = 0
        self._marker = None
        self._lock = threading.Lock()  # of the next cut
        self._late = []  # (may be handed on, has happened)
        self._silent = threading.Event()
        self._open = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for one in self._open:
            shut(one)
        for handed_on, _ in self._late:
            handed_on.set()
        for thread in self._threads[1:]:
            thread.join()

    def cut(self, marker, how, about=b""):
        """`about`: bytes that the client sends together with the marker; what is about something else is no cut."""
        with self._lock:
            self._how, self._marker, self._about = how, marker.encode(), about

    def land(self):
        """What was kept back happens now."""
        for handed_on, happened in self._late:
            handed_on.set()
            happened.wait()
        self._late.clear()

    def heal(self):
        """Connections whose answers were kept back are reset, and later ones work."""
        self._silent.clear()
        for one in self._open:
            shut(one)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            answers = threading.Event()  # set when an answer that is to be lost was complete
            losing = threading.Event()
            for run in (self._requests, self._answers):
                self._threads.append(threading.Thread(target=run, args=(client, server, losing, answers)))
                self._threads[-1].start()

    def _requests(self, client, server, losing, answered):
        try:
            while data := client.recv(1 << 16):
                how = self._cut_of(data)
                if how == "before":
                    break
                if how:
                    losing.set()
                if how == "late":
                    handed_on = threading.Event()
                    self._late.append((handed_on, answered))
                    shut(client)
                    handed_on.wait()
                if how in ("silent", "lost"):
                    self._silent.set()
                if how != "lost":
                    server.sendall(data)
                if how in ("after", "late"):
                    answered.wait()
                    break
        except OSError:
            pass
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        shut(client)
        shut(server)

    def _cut_of(self, data):
        """How this is cut; None if it is not."""
        with self._lock:
            if self._marker is None or self._marker not in data or self._about not in data:
                return None
            self._marker = None
            self.cuts += 1
            return self._how

    def _answers(self, client, server, losing, answered):
        try:
            while data := server.recv(1 << 16):
                if losing.is_set():
                    if READY_FOR_QUERY in data:
                        answered.set()
                elif not self._silent.is_set():
                    client.sendall(data)
        except OSError:
            pass
        answered.set()
        if not self._silent.is_set():
            shut(client)
        shut(server)


def shut(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already
