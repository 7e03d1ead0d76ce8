"""Speaks HTTP/1.1 byte for byte: requests as the test wants them, answers that must be well-formed."""

import json
import re
import socket
import struct
from typing import NamedTuple

TIMEOUT_SECONDS = 60  # a hang is a failure, on however busy a machine

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


class Fields(dict):
    """Fields of a head, by lower-case name; several of one name are joined as RFC 9110 says."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            name = name.lower()
            self[name] = f"{self[name]}, {value}" if name in self else value


class Answer(NamedTuple):
    status: int
    fields: Fields
    body: bytes

    def json(self):
        return json.loads(self.body)

    def lines(self):
        """An NDJSON body, line by line."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def code(self):
        """Of a problem."""
        assert self.fields.get("content-type") == "application/problem+json", f"not a problem: {self}"
        return self.json()["code"]

    @property
    def id(self):
        return int(self.fields["item-id"])

    @property
    def outcome(self):
        return self.fields.get("item-outcome")

    @property
    def closes(self):
        return self.fields.get("connection", "").lower() == "close"


class BadAnswer(AssertionError):
    """The server sent what is not HTTP/1.1."""


class Connection:
    """One connection, with requests as bytes and answers checked strictly. Pipelining is up to the caller."""

    def __init__(self, address, timeout=TIMEOUT_SECONDS, source=None, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def reset(self):
        """Closes as a client that crashed: with RST, so that nothing lingers."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, body=None, headers=None):
        """Sends one request and reads its answer."""
        self.send(request_bytes(method, target, body, headers))
        return self.answer(method)

    def answer(self, method="GET"):
        """Reads one answer, be it 100 Continue."""
        answer = self.head()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        return answer._replace(body=b"".join(self.pieces(answer)))

    def head(self):
        line = self.line()
        match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [\x20-\x7e]*", line)
        if not match:
            raise BadAnswer(f"no status line: {line[:100]!r}")
        pairs = []
        while line := self.line():
            match_field = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e\x80-\xff]*)", line)
            if not match_field:
                raise BadAnswer(f"no field: {line[:100]!r}")
            pairs.append((match_field[1].decode(), match_field[2].decode("latin-1")))
        return Answer(int(match[1]), Fields(pairs), b"")

    def pieces(self, head):
        """The body behind a head, as it comes."""
        length, coding = head.fields.get("content-length"), head.fields.get("transfer-encoding")
        if (length is None) == (coding is None):
            raise BadAnswer(f"neither or both of length and coding: {head}")
        if length is not None:
            yield self.exactly(int(length))
            return
        while size := int(self.line(), 16):
            yield self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise BadAnswer("no line end behind a chunk")
        if self.line():
            raise BadAnswer("trailers were not announced")

    def exactly(self, count):
        data = self.reader.read(count)
        if len(data) != count:
            raise ConnectionError(f"the connection ended {count - len(data)} bytes early")
        return data

    def line(self):
        line = self.reader.readline(65536)
        if not line.endswith(b"\r\n"):
            raise (BadAnswer(f"no line: {line[:100]!r}") if line.endswith(b"\n") or len(line) == 65536
                   else ConnectionError(f"the connection ended in: {line[:100]!r}"))
        return line[:-2]

    def rest(self):
        """All that comes until the server closes; a reset ends it, too."""
        parts = []
        try:
            while part := self.reader.read1(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def events(self, head):
        """Server-sent events of a stream with that head: {"id": …, "event": …, "data": …}. Comments are left out."""
        event = {}
        rest = b""
        for piece in self.pieces(head):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                name, _, value = line.decode().partition(": ")
                if line and not line.startswith(b":"):
                    event[name] = value
                elif not line and event:
                    yield event
                    event = {}


def request_bytes(method, target, body=None, headers=None):
    lines = [f"{method} {target} HTTP/1.1"]
    headers = {"Host": "localhost"} | (headers or {})
    if body is not None and not {"Content-Length", "Transfer-Encoding"} & set(headers):
        headers["Content-Length"] = str(len(body))
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chunked(*pieces, last=True):
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return body + (b"0\r\n\r\n" if last else b"")
