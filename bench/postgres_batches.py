"""Saves batches in PostgreSQL as one would for this job, from several connections at once, and counts.

Speaks PostgreSQL's protocol itself (version 3, `trust`), so that nothing needs to be installed. The batches are made
before the time begins: the client then does nothing but hand over bytes, and its language does not count.
"""
import hashlib
import socket
import struct
import threading
import time

CREATE = ("DROP TABLE IF EXISTS items; CREATE TABLE items(id bigserial PRIMARY KEY, digest bytea NOT NULL UNIQUE, "
          "content bytea NOT NULL)")
INSERT = ("INSERT INTO items(digest, content) SELECT d, c FROM unnest($1::bytea[], $2::bytea[]) AS t(d, c) ORDER BY d "
          "ON CONFLICT (digest) DO NOTHING")
BYTEA = 17  # the type's number
CONTENT_BYTES = 256


class Failed(Exception):
    pass


class Connection:
    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        start = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
        self._socket.sendall(struct.pack("!i", len(start) + 4) + start)
        self._read_until_ready()

    def close(self):
        self._reader.close()
        self._socket.close()

    def execute(self, statement):
        self._socket.sendall(message(b"Q", statement.encode() + b"\0"))
        self._read_until_ready()

    def prepare(self, statement):
        parse = message(b"P", b"s\0" + statement.encode() + b"\0" + struct.pack("!h", 0))
        self._socket.sendall(parse + message(b"S", b""))
        self._read_until_ready()

    def insert(self, bound):
        """How many rows the prepared statement inserted."""
        self._socket.sendall(bound)
        return int(self._read_until_ready().split()[-1])

    def _read_until_ready(self):
        """The tag of the last command."""
        tag, error = "", None
        while True:
            kind, length = struct.unpack("!ci", self._reader.read(5))
            body = self._reader.read(length - 4)
            if kind == b"C":
                tag = body[:-1].decode()
            elif kind == b"E":
                error = body.replace(b"\0", b" ").decode(errors="replace")
            elif kind == b"Z":
                if error:
                    raise Failed(error)
                return tag


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def array(values, length):
    head = struct.pack("!iiiii", 1, 0, BYTEA, len(values), 1)
    size = struct.pack("!i", length)
    return head + b"".join(size + value for value in values)


def make_batch(first, count):
    """The messages that insert the contents of those numbers."""
    contents = [(b'{"sku":"%016x' % number).ljust(CONTENT_BYTES, b"x") for number in range(first, first + count)]
    parameters = b""
    for values, length in (([hashlib.sha256(content).digest() for content in contents], 32),
                           (contents, CONTENT_BYTES)):
        binary = array(values, length)
        parameters += struct.pack("!i", len(binary)) + binary
    bind = b"\0s\0" + struct.pack("!hh", 1, 1) + struct.pack("!h", 2) + parameters + struct.pack("!h", 0)
    return message(b"B", bind) + message(b"E", b"\0" + struct.pack("!i", 0)) + message(b"S", b"")


class Batches:
    """So many batches for each of so many connections, to be sent any number of times."""

    def __init__(self, port, connections, batches, items):
        self._port, self._items = port, items
        self._work = [[make_batch((caller * batches + number) * items, items) for number in range(batches)]
                      for caller in range(connections)]

    def empty(self):
        connection = Connection(self._port)
        connection.execute(CREATE)
        connection.execute("CHECKPOINT")
        connection.close()

    def send(self, seconds):
        """Until all is sent or the time is over: (items for each second, inserted, batches of each connection)."""
        connections = [Connection(self._port) for _ in self._work]
        for connection in connections:
            connection.prepare(INSERT)
        sent, inserted, ends = [0] * len(self._work), [0] * len(self._work), [0.0] * len(self._work)
        begin = time.monotonic()

        def run(caller):
            for bound in self._work[caller]:
                inserted[caller] += connections[caller].insert(bound)
                sent[caller] += 1
                ends[caller] = time.monotonic()
                if ends[caller] - begin > seconds:
                    break

        threads = [threading.Thread(target=run, args=(caller,)) for caller in range(len(self._work))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for connection in connections:
            connection.close()
        return sum(sent) * self._items / (max(ends) - begin), sum(inserted), sent

    def keep(self, sent):
        """Forgets the batches that were not sent: the rest is there already."""
        self._work = [batches[:count] for batches, count in zip(self._work, sent)]
