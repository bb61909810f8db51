"""The served document tells the truth: the calls it names are there, those that are there it names, and real answers
have the shapes it promises."""

import json
import re

import pytest
from client import Http, eventually
from sale import Sale, fresh_id, payment

from app.stand.paths import ROOT

METHODS = ("get", "put", "post", "patch", "delete")
ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
LATER = "x-onsale-later"


# ---------------------------------------------------------------- a small reader of schemas

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def has_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Document:
    """The document, and what is wrong with a value by one of its schemas. Knows the keywords the document uses."""

    def __init__(self, text):
        self.root = json.loads(text)

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def operations(self):
        """(method, path, operation, is it the operations listener's)"""
        return [(method.upper(), path, item[method], "servers" in item)
                for path, item in self.root["paths"].items() for method in METHODS if method in item]

    def operation(self, method, path):
        return self.root["paths"][path][method.lower()]

    def answer(self, method, path, status):
        """The response a status has; a problem nobody lists is the default."""
        responses = self.operation(method, path)["responses"]
        return self.resolve(responses.get(str(status)) or responses["default"])

    def wrong(self, value, schema, at="body"):
        """Sentences; none when the value fits."""
        if "$ref" in schema:
            return self.wrong(value, self.resolve(schema), at)
        found = self._wrong_combined(value, schema, at) + self._wrong_itself(value, schema, at)
        if isinstance(value, dict):
            found += [f"{at}: no {name}" for name in schema.get("required", []) if name not in value]
            for name, member in schema.get("properties", {}).items():
                if name in value:
                    found += self.wrong(value[name], member, f"{at}.{name}")
        if isinstance(value, list):
            kinds = schema.get("prefixItems", [])
            for index, item in enumerate(value):
                kind = kinds[index] if index < len(kinds) else schema.get("items", {})
                found += self.wrong(item, kind, f"{at}[{index}]")
        return found

    def _wrong_combined(self, value, schema, at):
        found = [problem for part in schema.get("allOf", []) for problem in self.wrong(value, part, at)]
        for word in ("oneOf", "anyOf"):
            choices = [self.wrong(value, choice, at) for choice in schema.get(word, [])]
            fitting = choices.count([])
            if choices and (fitting == 0 or (word == "oneOf" and fitting > 1)):
                found.append(f"{at}: fits {fitting} of {word}: {choices}")
        return found

    def _wrong_itself(self, value, schema, at):
        found = []
        if "type" in schema:
            types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            if not any(has_type(value, name) for name in types):
                found.append(f"{at}: {value!r} is no {types}")
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{at}: {value!r} is none of {schema['enum']}")
        if "const" in schema and value != schema["const"]:
            found.append(f"{at}: {value!r} is not {schema['const']!r}")
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            found.append(f"{at}: {value!r} does not match {schema['pattern']}")
        if has_type(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            found.append(f"{at}: {value!r} is out of bounds")
        return found


@pytest.fixture(scope="module")
def served(stand):
    http = Http(stand.env["ONSALE_URL"])
    yield http.request("GET", "/openapi.json")
    http.close()


@pytest.fixture(scope="module")
def document(served):
    return Document(served.body)


@pytest.fixture(scope="module")
def on_sale(stand):
    """One event for the tests that only look."""
    return Sale(stand.env).open(seats=4, standing=2)


@pytest.fixture
def fits(document):
    """Judges a real answer by the document; returns its members."""
    def judge(method, path, reply):
        described = document.answer(method, path, reply.status)
        listed = str(reply.status) in document.operation(method, path)["responses"]
        assert listed, f"{method} {path} does not tell of {reply}"
        content = described.get("content")
        if not content:
            assert reply.body == b"", reply
            return None
        kind = reply.headers["content-type"].split(";")[0]
        assert kind in content, f"{kind} is none of {list(content)}"
        assert not (problems := document.wrong(reply.json(), content[kind]["schema"])), problems
        for name in described.get("headers", {}):
            if name in ("X-Request-Id", "Retry-After", "Cache-Control", "ETag"):
                assert name.lower() in reply.headers, f"{name} is missing in {reply.headers}"
        return reply.json()
    return judge


# ---------------------------------------------------------------- the document itself

def test_the_document_is_served_as_openapi_3_1_and_may_be_cached(served, document):
    assert served.status == 200, served
    assert served.headers["content-type"] == "application/json"
    assert served.headers["cache-control"] == "public, max-age=300"
    assert document.root["openapi"].startswith("3.1.")
    assert served.body == (ROOT / "conf" / "openapi.json").read_bytes(), "the program carries another document"


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document):
    used = set(re.findall(r'"\$ref": "(#/[^"]+)"', (ROOT / "conf" / "openapi.json").read_text()))
    for reference in used:
        document.resolve({"$ref": reference})
    components = document.root["components"]
    schemes = {name for _, _, operation, _ in document.operations()
               for choice in operation["security"] for name in choice}
    assert set(components["securitySchemes"]) == schemes
    for kind in set(components) - {"securitySchemes"}:
        for name in components[kind]:
            assert f"#/components/{kind}/{name}" in used, f"{kind}/{name} is used nowhere"


def test_an_operation_has_one_name(document):
    names = [operation["operationId"] for _, _, operation, _ in document.operations()]
    assert len(names) == len(set(names))


def test_every_parameter_of_a_path_is_described(document):
    for method, path, operation, _ in document.operations():
        given = document.root["paths"][path].get("parameters", []) + operation.get("parameters", [])
        described = {parameter["name"] for parameter in map(document.resolve, given) if parameter["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path)), f"{method} {path}"


def test_every_code_of_the_program_is_in_the_document_and_under_its_own_status(document):
    numbers = dict(re.findall(r"(\w+) = (\d{3}),", (ROOT / "net" / "wire" / "http_status.hpp").read_text()))
    table = re.findall(r'{Code::\w+, Status::(\w+), "(\w+)"', (ROOT / "net" / "problem.cpp").read_text())
    status_of = {word: numbers[status] for status, word in table}
    assert len(status_of) > 30
    assert set(document.root["components"]["schemas"]["Code"]["enum"]) == set(status_of)
    for method, path, operation, _ in document.operations():
        for status, response in operation["responses"].items():
            content = document.resolve(response).get("content", {}).get("application/problem+json", {"schema": {}})
            for part in content["schema"].get("allOf", []):
                for code in part.get("properties", {}).get("code", {}).get("enum", []):
                    assert status_of[code] == status, f"{method} {path}: {code} under {status}"


def test_every_example_fits_its_schema(document):
    def walk(node):
        if isinstance(node, dict):
            if "schema" in node:
                examples = [each["value"] for each in node.get("examples", {}).values()]
                for example in examples + ([node["example"]] if "example" in node else []):
                    yield document.wrong(example, node["schema"])
            for each in node.values():
                yield from walk(each)
        elif isinstance(node, list):
            for each in node:
                yield from walk(each)

    judged = list(walk(document.root["paths"])) + list(walk(document.root["components"]["responses"]))
    assert len(judged) > 20
    assert not [problems for problems in judged if problems]


# ---------------------------------------------------------------- calls: what is named is there, and the reverse

def routes_of_the_program():
    """(method, path) of both listeners, as the sources say."""
    text = (ROOT / "app" / "core.cpp").read_text()
    names = dict(re.findall(r'(\w+) = "(/[^"]*)"', text))
    public = [(method, names.get(pattern) or pattern.strip('"'))
              for method, pattern in re.findall(r'>\("([A-Z]+)", ("[^"]*"|\w+), \w+\)', text)]
    text = (ROOT / "app" / "operations" / "routes.cpp").read_text()
    operations = re.findall(r'{"([A-Z]+)", "(/[^"]*)", Action::', text)
    assert len(public) > 20 and len(operations) > 15
    return public + operations


def test_both_listeners_route_exactly_what_the_document_names(document):
    def plain(path):
        return re.sub(r"{\w+}|\*+", "*", path)

    named = {(method, plain(path)) for method, path, _, _ in document.operations()}
    assert named == {(method, plain(path)) for method, path in routes_of_the_program()}


def filled(path, event):
    known = {"event": event, "hold": ULID, "order": ULID, "block": "192.0.2.1", "letter": "1"}
    return re.sub(r"{(\w+)}", lambda found: known[found[1]], path)


def ask(sale, method, path, of_operations, body=None):
    if of_operations:
        return sale.operator.ask(method, filled(path, sale.event), body)
    http = Http(sale.url)
    try:
        return http.request(method, filled(path, sale.event), {}, body)
    finally:
        http.close()


def test_every_named_call_is_there(document, on_sale, stand):
    for method, path, operation, of_operations in document.operations():
        target = on_sale
        if method == "POST" and path.startswith("/admin/"):
            target = Sale(stand.env).create()  # moved about, so not the others' event
        body = {} if "requestBody" in operation else None
        reply = ask(target, method, path, of_operations, body)
        assert reply.code not in ("not_found", "method_not_allowed"), f"{method} {path}: {reply}"
        said_later = (reply.status, reply.code) == (501, "not_implemented")
        assert said_later == operation.get(LATER, False), f"{method} {path}: {reply}"
        assert said_later <= ("501" in operation["responses"])


def test_no_path_serves_a_method_the_document_does_not_name(document, on_sale):
    for path, item in document.root["paths"].items():
        named = {method.upper() for method in METHODS if method in item}
        reply = ask(on_sale, "OPTIONS", path, "servers" in item)
        assert (reply.status, reply.code) == (405, "method_not_allowed"), f"{path}: {reply}"
        assert set(reply.headers["allow"].split(", ")) - {"HEAD"} == named, path


def test_calls_without_a_token_are_refused_where_the_document_asks_for_one(document, on_sale):
    for method, path, operation, of_operations in document.operations():
        if of_operations or operation.get(LATER) or not operation["security"] or {} in operation["security"]:
            continue
        reply = ask(on_sale, method, path, False)
        assert (reply.status, reply.code) == (401, "token_missing"), f"{method} {path}: {reply}"


# ---------------------------------------------------------------- answers: real ones have the promised shape

QUEUE, HOLDS, HOLD = "/v1/events/{event}/queue", "/v1/events/{event}/holds", "/v1/events/{event}/holds/{hold}"
CONFIRM, ORDER, SEATS = HOLD + "/confirm", "/v1/events/{event}/orders/{order}", "/v1/events/{event}/seats"
ME, GATE, EVENT = "/v1/events/{event}/me", "/v1/events/{event}/gate", "/v1/events/{event}"


def test_the_answers_of_a_purchase(sale, fits):
    sale.open(standing=5)
    buyer = sale.buyer()
    joined = buyer.join()
    assert fits("POST", QUEUE, joined)["user"] == buyer.user
    buyer.until_admitted(buyer.keep(joined))
    assert fits("GET", QUEUE, buyer.poll())["state"] == "admitted"
    assert fits("POST", QUEUE, buyer.join())["state"] == "admitted"
    fits("GET", GATE, buyer.gate())
    version = fits("GET", SEATS, buyer.map())["version"]
    hold = fits("POST", HOLDS, buyer.hold(["A-1-1", "A-1-2"]))
    fits("POST", HOLDS, buyer.hold(["A-1-1", "A-1-2"]))
    fits("POST", HOLDS, buyer.hold_places(1))
    eventually(lambda: len(fits("GET", SEATS, buyer.map(since=version)).get("changes", [])) == 3, what="the changes")
    fits("GET", HOLD, buyer.read_hold(hold["hold"]))
    fits("POST", HOLD + "/extend", buyer.extend(hold["hold"], key="longer"))
    again = buyer.extend(hold["hold"], key="longer")
    fits("POST", HOLD + "/extend", again)
    assert again.headers["idempotency-replayed"] == "true"
    assert fits("DELETE", HOLD, buyer.release(hold["hold"], key="longer"))["code"] == "idempotency_mismatch"
    fits("GET", ME, buyer.me())
    order = fits("POST", CONFIRM, buyer.confirm(hold["hold"], amount=hold["amount"]))
    assert fits("GET", ORDER, buyer.order(order["order"]))["state"] == "confirmed"
    assert len(fits("GET", ME, buyer.me())["orders"]) == 1
    fits("DELETE", QUEUE, buyer.leave())
    assert fits("GET", QUEUE, buyer.poll())["state"] == "done"


def test_the_answers_to_those_who_wait(sale, fits):
    sale.open(admission={"active_max": 1})
    sale.admitted()
    late = sale.buyer()
    late.keep(late.join())
    assert fits("GET", QUEUE, late.poll())["state"] == "waiting"
    sale.move("pause")
    eventually(lambda: fits("GET", QUEUE, late.poll())["state"] == "paused", what="paused")
    sale.move("resume", "close")
    eventually(lambda: fits("GET", QUEUE, late.poll())["state"] == "closed", what="closed")
    fits("POST", QUEUE, late.join())


def test_the_answers_to_those_who_are_refused(sale, fits):
    sale.open(seats=6, holds={"extensions": 0})
    buyer, other = sale.admitted(), sale.admitted()
    held = buyer.held(["A-1-1", "A-1-2"])
    assert fits("POST", HOLDS, other.hold(["A-1-2", "A-1-3"]))["seats"] == ["A-1-2"]
    fits("POST", HOLDS, buyer.hold(["A-1-4", "A-1-5", "A-1-6"]))
    fits("POST", HOLDS, buyer.hold(["A-9-9"]))
    fits("POST", HOLDS, buyer.hold(["A-1-4"], headers={"Content-Type": "text/plain"}))
    fits("POST", HOLDS, buyer.ask("POST", "/holds", token=buyer.ticket, body={"seats": ["A-1-4"]}))
    fits("POST", HOLDS, buyer.ask("POST", "/holds", token=buyer.admission,
                                  body={"section": "A", "quantity": 2, "best_available": True}))
    fits("POST", HOLD + "/extend", buyer.extend(held["hold"]))
    fits("GET", HOLD, other.read_hold(held["hold"]))
    fits("GET", ORDER, buyer.order(held["hold"]))
    refused = fits("POST", CONFIRM, buyer.confirm(held["hold"], amount=1))
    assert refused["code"] == "amount_mismatch" and refused["refund_required"] is True
    assert fits("POST", CONFIRM, buyer.confirm(ULID))["code"] == "hold_not_found"
    fits("POST", CONFIRM, buyer.ask("POST", f"/holds/{held['hold']}/confirm", token="changed", body=payment("p")))
    fits("GET", QUEUE, buyer.ask("GET", "/queue"))


def test_the_catalogue_has_its_shape(on_sale, fits):
    http = Http(on_sale.url)
    assert fits("GET", EVENT, http.request("GET", on_sale.path()))["id"] == on_sale.event
    assert fits("GET", "/v1/events", http.request("GET", "/v1/events"))["events"]
    fits("GET", EVENT, http.request("GET", f"/v1/events/{fresh_id()}"))
    http.close()


def test_what_an_operator_is_told_has_its_shape(sale, fits, document):
    event = "/admin/v1/events/{event}"
    example = document.operation("PUT", event)["requestBody"]["content"]["application/json"]["example"]
    moved = {**example, **{name: example[name].replace("2026", "2096") for name in example if name.endswith("_at")}}
    operator = sale.operator
    fits("PUT", event, operator.put(sale.event, {}))
    fits("GET", event, operator.show(sale.event))
    assert fits("PUT", event, operator.put(sale.event, moved))["state"] == "draft"
    fits("PUT", event, operator.put(sale.event, moved))
    fits("POST", event + "/pause", operator.move(sale.event, "pause"))
    for verb in ("warm", "open", "pause", "resume"):
        fits("POST", event + "/" + verb, operator.move(sale.event, verb))
    assert fits("GET", event, operator.show(sale.event))["state"] == "open"
    fits("PUT", event, operator.put(sale.event, {**moved, "currency": "EUR"}))
    fits("POST", event + "/close", operator.move(sale.event, "close"))
    assert fits("GET", "/admin/v1/events", operator.ask("GET", "/admin/v1/events"))["events"]
    fits("GET", "/admin/v1/events", operator.http.request("GET", "/admin/v1/events"))
