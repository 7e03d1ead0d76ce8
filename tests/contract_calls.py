"""A good request for each operation that the OpenAPI document declares, and variations of it."""

import hashlib
import json
import re

from http_connection import request_bytes

JSON = "application/json"
NDJSON = "application/x-ndjson"
ITEM = "application/vnd.itemgate.item+json"
FRAMES = "application/vnd.itemgate.batch"

CONTENT = "/v1/contents/sha256/{digest}"
POSTED = ("/v1/items", "/v1/scopes/{scope}/items")
SAVES = (*(("POST", path) for path in POSTED), ("PUT", CONTENT))
BATCHES = tuple(f"{path}:batch" for path in POSTED)
RESOLVE = "/v1/parked/{operation}:resolve"
# The media type and body of a good request that has one, by its path.
BODIES = {path: ("text/plain", b"called") for _, path in SAVES}
BODIES |= {path: (NDJSON, b'{"content": "called"}\n') for path in BATCHES}
BODIES |= {"/v1/contents:findMissing": (JSON, json.dumps({"sha256": ["0" * 64]}).encode()),
           RESOLVE: (JSON, b'{"as": "saved"}')}
SCOPE = "called"


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def operation_of(content, scope="default"):
    return f"{digest_of(content)}.{scope}"


def scope_of(path):
    """Into which the good request saves."""
    return SCOPE if "{scope}" in path else "default"


class Calls:
    """Calls what a contract declares on a server. The content "called" of the default scope must be item 1 there."""

    def __init__(self, server, contract):
        self.server, self.paths, self.common = server, contract.paths, contract.components["parameters"]
        self.values = {"id": "1", "digest": digest_of(b"called"), "operation": operation_of(b"called"), "scope": SCOPE}

    def operations(self):
        """(method, path, what is declared of it) of all."""
        for path, methods in self.paths.items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def target(self, path, **values):
        values = self.values | values
        return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)

    def ask(self, method, path, query="", headers=(), body=None, **values):
        """The good request, other than that as is told; `values` stand for the braces of the path."""
        if method in ("POST", "PUT"):
            media_type, good = BODIES.get(path, (None, b""))
            headers = {"Content-Type": media_type} | dict(headers)
            body = good if body is None and "Content-Length" not in headers else body
        named = {"digest": digest_of(body)} if method == "PUT" and body is not None else {}
        target = self.target(path, **named | values) + (f"?{query}" if query else "")
        if (method, path) == ("GET", "/v1/feed"):
            return self.begin_feed(target, headers)
        return self.server.request(method, target, body, dict(headers))

    def begin_feed(self, target, headers=()):
        """The answer of a feed, of which no more than an event is read, if it names where to begin."""
        with self.server.connect() as connection:
            connection.send(request_bytes("GET", target, headers=dict(headers)))
            if not connection.reader.peek(1).startswith(b"HTTP/1.1 200 "):
                return connection.answer()
            head = connection.head()
            begins = "after=" in target or "Last-Event-ID" in dict(headers)
            event = next(connection.events(head)) if begins else {}
            return head._replace(body=event.get("data", "").encode())


def declared_codes(operation, status):
    """The problems that a status is declared to be of."""
    response = operation["responses"].get(str(status))
    return response["description"].split(", ") if response else []


def takes(operation, name):
    """Whether that parameter is declared of it by name, not by a reference."""
    return any(parameter.get("name") == name for parameter in operation["parameters"])
