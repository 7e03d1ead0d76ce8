"""Holds the answers of a server against its own OpenAPI document."""

import json
import re
import sys
from datetime import datetime

try:
    import jsonschema
except ImportError:  # this is another Python than Debian's, which has the package
    sys.path.append("/usr/lib/python3/dist-packages")
    import jsonschema

# Of HTTP, not of this API.
TRANSPORT_FIELDS = {"date", "content-type", "content-length", "transfer-encoding", "connection", "server"}
# What a route need not declare: refused before, or whatever, the route is.
REFUSED = {405, 408, 413, 414, 417, 421, 431, 501, 503, 505}
REFUSED_WITHOUT_ROUTE = REFUSED | {400, 404}

ITEMS_MAX = 1000  # of a stream that are looked at, besides its last

FORMATS = jsonschema.FormatChecker(())


@FORMATS.checks("date-time", ValueError)
def is_time(text):
    return datetime.fromisoformat(text).tzinfo is not None


def essence(media_type):
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type):
    return re.fullmatch(r"application/(\w[\w.-]*\+)?json", essence(media_type)) is not None


def is_streamed(media_type):
    return essence(media_type) in ("application/x-ndjson", "application/ndjson", "text/event-stream")


def texts_of(media_type, body):
    """The lines of an NDJSON body, or the data of its events; what was cut off at the end is left out."""
    if essence(media_type) == "text/event-stream":
        events = body.rpartition(b"\n\n")[0].split(b"\n\n")
        return [line.removeprefix(b"data: ") for event in events for line in event.split(b"\n")
                if line.startswith(b"data: ")]
    return body.split(b"\n")[:-1]


def closed(schema):
    """The schema, accepting only such names in its objects as it describes."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closing = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return closing | {name: closed(part) for name, part in schema.items()}


def value_of(text, kind):
    """What a field of a head says, as JSON has it; the text itself if it is not of that kind."""
    if kind == "integer" and re.fullmatch(r"\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


class Contract:
    """An OpenAPI document: what it declares of the answers to a request."""

    def __init__(self, document):
        self.paths, self.components = document["paths"], closed(document["components"])
        for schema in self.components["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        self._patterns = [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in self.paths]
        self._validators = {}

    def faults(self, exchange):
        """What of an answer is not declared, each as a sentence."""
        answer = exchange.answer
        path, operation = self.operation_of(exchange)
        declared = self.response_of(operation, answer.status)
        where = f"{exchange.method} {path or exchange.target[:80]} {answer.status}"
        if declared is None:
            return [f"{where}: the status"]
        found = [*self._fields_undeclared(declared.get("headers", {}), answer.fields)]
        found += self._body_undeclared(declared.get("content", {}), exchange)
        return [f"{where}: {fault}" for fault in found]

    def operation_of(self, exchange):
        """The path's template and what it declares of the method; nothing for what is no route."""
        path = re.sub(r"\Ahttp://[^/]*", "", exchange.target).partition("?")[0]
        for pattern, template in self._patterns:
            if pattern.fullmatch(path):
                return template, self.paths[template].get(exchange.method.lower())
        return None, None

    def response_of(self, operation, status):
        declared = operation["responses"] if operation else {}
        if str(status) in declared:
            return declared[str(status)]
        if operation and status in REFUSED:
            return self.resolved(declared.get("default"))
        if not operation and status in REFUSED_WITHOUT_ROUTE:
            return self.components["responses"]["Refused"]
        return None

    def resolved(self, part):
        if not part or "$ref" not in part:
            return part
        kind, name = part["$ref"].removeprefix("#/components/").split("/")
        return self.components[kind][name]

    def _fields_undeclared(self, declared, fields):
        declared = {name.lower(): self.resolved(field) for name, field in declared.items()}
        for name, text in fields.items():
            if name in declared:
                schema = declared[name]["schema"]
                value = value_of(text, schema.get("type"))
                yield from self._wrong(f"the field {name}", value, schema, key=("field", name))
            elif name not in TRANSPORT_FIELDS:
                yield f"the field {name}"

    def _body_undeclared(self, declared, exchange):
        answer = exchange.answer
        media_type = answer.fields.get("content-type")
        if media_type is None or not declared:
            return [f"the media type {media_type}, of {list(declared)}"] if media_type or declared else []
        content = declared.get(essence(media_type), declared.get("*/*"))
        if content is None:
            return [f"the media type {media_type}, of {list(declared)}"]
        if is_streamed(media_type):
            return self._items_undeclared(media_type, answer.body, content["schema"]["$ref"])
        if not is_json(media_type) or "schema" not in content or not exchange.has_body:
            return []
        return self._wrong("the body", answer.json(), content["schema"], key=content["schema"]["$ref"])

    def _items_undeclared(self, media_type, body, name):
        """Of what was received of a stream, be it not all of it: what is wrong with the first item that is wrong."""
        schema = self.resolved({"$ref": name})["x-item-schema"]
        texts = texts_of(media_type, body)
        checked = (self._wrong("an item of the body", json.loads(text), schema, key=("item", name))
                   for text in texts[:ITEMS_MAX] + texts[-1:])
        return next(filter(None, checked), [])

    def _wrong(self, what, value, schema, key):
        if key not in self._validators:
            whole = schema | {"components": self.components}
            self._validators[key] = jsonschema.Draft202012Validator(whole, format_checker=FORMATS)
        return [f"{what}{error.json_path.removeprefix('$')}: {error.message[:200]}"
                for error in self._validators[key].iter_errors(value)]
