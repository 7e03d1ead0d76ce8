"""What an OpenAPI document declares of answers, one fact after the other, and which of that was seen.

A fact is a text: "GET /v1/items/{id} 404", "GET /v1/items/{id} 404 says not-found", "GET /v1/items/{id} 200 carries
etag", "GET /v1/items/{id} 200 is */*", "Item.content_base64", 'Operation.state = "failed"'.
"""

import json
import re

from contract import essence, is_json, is_streamed, texts_of


class Coverage:
    """Gathers what was seen of what a Contract declares."""

    def __init__(self, contract):
        self._contract = contract
        self.declared, self.seen = set(), set()
        for path, methods in contract.paths.items():
            for method, operation in methods.items():
                for status, response in operation["responses"].items():
                    if status != "default":
                        self._declare(f"{method.upper()} {path} {status}", response)
        refused = contract.components["responses"]["Refused"]
        self.declared |= {f"Refused {status}" for status in re.findall(r"\d{3}", refused["description"])}
        self.declared |= {f"Refused carries {name.lower()}" for name in refused["headers"]}

    def _declare(self, where, response):
        self.declared.add(where)
        self.declared |= {f"{where} carries {name.lower()}" for name in response["headers"]}
        for name in response["headers"]:
            self.declared |= self._values_of(name.lower(), self._header(name))
        for media_type, content in response.get("content", {}).items():
            self.declared.add(f"{where} is {media_type}")
            if media_type == "application/problem+json" and not where.startswith("HEAD "):
                self.declared |= {f"{where} says {code}" for code in response["description"].split(", ")}
            if "schema" in content:
                self.declared |= self._values_of("", content["schema"])

    def _header(self, name):
        return self._contract.components["headers"][name]["schema"]

    def _values_of(self, name, schema):
        """The facts of all values that a schema describes: the names in its objects, and what its enumerations have."""
        if "$ref" in schema:
            return self._values_of(name_of(schema["$ref"]), self._contract.resolved(schema))
        facts = {f"{name} = {json.dumps(value)}" for value in schema.get("enum", ())}
        for part in parts_of(schema):
            facts |= self._values_of(name, part)
        for property_name, part in schema.get("properties", {}).items():
            facts |= {f"{name}.{property_name}"} | self._values_of(f"{name}.{property_name}", part)
        return facts

    # What was seen.

    def see(self, exchange):
        """Adds the facts of an answer, which the contract must have found without fault."""
        answer = exchange.answer
        path, operation = self._contract.operation_of(exchange)
        response = operation and operation["responses"].get(str(answer.status))
        if not response:
            self.seen |= {f"Refused {answer.status}"} | {f"Refused carries {name}" for name in answer.fields}
            return
        where = f"{exchange.method} {path} {answer.status}"
        self.seen |= {where} | {f"{where} carries {name}" for name in answer.fields}
        for name in response["headers"]:
            if name.lower() in answer.fields:
                self.seen |= self._seen_in(answer.fields[name.lower()], name.lower(), self._header(name))
        media_type = answer.fields.get("content-type")
        if media_type is None or "content" not in response:
            return
        kind = essence(media_type) if essence(media_type) in response["content"] else "*/*"
        self.seen.add(f"{where} is {kind}")
        if exchange.has_body or is_streamed(media_type):
            self._see_body(where, media_type, answer.body, response["content"][kind])

    def _see_body(self, where, media_type, body, content):
        if "schema" not in content:
            return
        if is_streamed(media_type):
            items = self._contract.resolved(content["schema"])["x-item-schema"]
            for text in texts_of(media_type, body):
                self.seen |= self._seen_in(json.loads(text), "", items)
        elif is_json(media_type):
            value = json.loads(body)
            self.seen |= self._seen_in(value, "", content["schema"])
            if essence(media_type) == "application/problem+json":
                self.seen.add(f"{where} says {value['code']}")

    def _seen_in(self, value, name, schema):
        if "$ref" in schema:
            return self._seen_in(value, name_of(schema["$ref"]), self._contract.resolved(schema))
        facts = {f"{name} = {json.dumps(value)}"} if "enum" in schema else set()
        if isinstance(value, list):
            parts = [self._seen_in(each, name, schema["items"]) for each in value if "items" in schema]
        else:
            parts = [self._seen_in(value, name, part) for part in parts_of(schema)]
        if isinstance(value, dict):
            for property_name, part in schema.get("properties", {}).items():
                if property_name in value:
                    facts.add(f"{name}.{property_name}")
                    parts.append(self._seen_in(value[property_name], f"{name}.{property_name}", part))
        return facts.union(*parts)


def name_of(reference):
    return reference.rpartition("/")[2]


def parts_of(schema):
    """The schemas of the same thing, and of the elements of an array or a stream."""
    return [*schema.get("oneOf", ()), *[schema[name] for name in ("items", "x-item-schema") if name in schema]]
