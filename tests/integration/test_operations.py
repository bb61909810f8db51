"""The operations listener: health, metrics, and what an operator may do."""

import pytest
from client import Http, Raw, eventually, replies_in
from sale import Sale, definition, fresh_id, instant


@pytest.fixture
def ops(stand):
    http = Http(stand.env["ONSALE_OPS_URL"])
    yield http
    http.close()


def refused(reply, status, code):
    assert (reply.status, reply.code) == (status, code), reply
    return reply.json()


def test_the_process_is_up_and_ready_line_by_line(ops):
    assert ops.request("GET", "/livez").status == 200
    ready = ops.request("GET", "/readyz")
    assert ready.status == 200, ready
    assert all(part in ready.body.decode() for part in ("redis", "postgres"))


def test_metrics_are_prometheus_text(sale, ops):
    sale.open()
    sale.admitted()
    reply = ops.request("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [line for line in reply.body.decode().splitlines() if line and not line.startswith("#")]
    assert len(samples) > 10
    for line in samples:
        name, value = line.rsplit(" ", 1)
        assert name.startswith("onsale_"), line
        float(value)


@pytest.mark.parametrize("token", [None, "", "wrong", "Bearer"])
def test_nobody_administers_without_the_token(ops, token):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    event = fresh_id()
    for method, path, body in (("GET", "/admin/v1/events", None), ("PUT", f"/admin/v1/events/{event}", definition()),
                               ("POST", f"/admin/v1/events/{event}/open", None)):
        reply = ops.request(method, path, headers, body)
        assert reply.status == 401 and reply.code in ("token_missing", "token_invalid"), reply


def test_an_event_is_created_changed_listed_and_shown(sale):
    created = sale.operator.put(sale.event, definition(seats=3))
    assert created.status == 201, created
    changed = sale.operator.put(sale.event, definition(seats=4))
    assert changed.status == 200, changed
    listed = sale.operator.ask("GET", "/admin/v1/events").json()
    names = {event.get("id") or event.get("event") for event in
             (listed["events"] if isinstance(listed, dict) else listed)}
    assert sale.event in names
    shown = sale.operator.show(sale.event).json()
    assert shown["state"] == "draft"
    sale.move("warm", "open")
    shown = sale.operator.show(sale.event).json()
    assert shown["state"] == "open"
    assert shown["seats"] == {"available": 4, "held": 0, "sold": 0}


def test_what_was_sold_by_a_definition_stays_defined(sale):
    sale.open(seats=3)
    refused(sale.operator.put(sale.event, definition(seats=2)), 409, "event_on_sale")
    cheaper = definition(seats=3)
    cheaper["sections"][0]["amount"] = 1
    refused(sale.operator.put(sale.event, cheaper), 409, "event_on_sale")
    assert sale.admitted().held(["A-1-3"])["amount"] == 15400


def test_an_event_nobody_made(sale):
    refused(sale.operator.show("nobody-knows"), 404, "event_not_found")
    refused(sale.operator.move("nobody-knows", "open"), 404, "event_not_found")


def test_the_numbers_follow_the_sale(sale):
    sale.open(seats=5, admission={"active_max": 2})
    first = sale.admitted()
    sale.admitted()
    waiting = sale.buyer()
    waiting.keep(waiting.join())
    first.ordered(["A-1-1"])
    first.held(["A-1-2", "A-1-3"])

    def numbers():
        shown = sale.operator.show(sale.event).json()
        return shown["seats"], shown["active"], shown["line"]

    eventually(lambda: numbers() == ({"available": 2, "held": 2, "sold": 1}, 2, 1), what="the numbers")


def without(body, name):
    del body[name]
    return body


def with_section(**members):
    body = definition()
    section = {**body["sections"][0], **members}
    body["sections"] = [{name: value for name, value in section.items() if value is not None}]
    return body


WRONG = [
    ("no JSON", b"{", ""),
    ("an array", b"[]", ""),
    ("no name", without(definition(), "name"), "name"),
    ("name as number", {**definition(), "name": 5}, "name"),
    ("no sections", without(definition(), "sections"), "sections"),
    ("no section", {**definition(), "sections": []}, "sections"),
    ("sections as object", {**definition(), "sections": {}}, "sections"),
    ("no opens_at", without(definition(), "opens_at"), "opens_at"),
    ("opens_at as words", {**definition(), "opens_at": "tomorrow"}, "opens_at"),
    ("opens_at as number", {**definition(), "opens_at": 5}, "opens_at"),
    ("closes before it opens", {**definition(), "closes_at": instant(-7200)}, "closes_at"),
    ("currency of four", {**definition(), "currency": "KRWW"}, "currency"),
    ("section without id", with_section(id=None), "sections[0].id"),
    ("section with a bad id", with_section(id="A B"), "sections[0].id"),
    ("section without amount", with_section(amount=None), "sections[0].amount"),
    ("amount below zero", with_section(amount=-1), "sections[0].amount"),
    ("amount as fraction", with_section(amount=1.5), "sections[0].amount"),
    ("neither rows nor general", with_section(rows=None), "sections[0]"),
    ("rows and general", with_section(general=5), "sections[0]"),
    ("rows as text", with_section(rows="1"), "sections[0].rows"),
    ("row zero is reserved", with_section(rows=[{"row": "0", "seats": 5}]), "sections[0].rows[0].row"),
    ("row with a dash", with_section(rows=[{"row": "1-2", "seats": 5}]), "sections[0].rows[0].row"),
    ("row without seats", with_section(rows=[{"row": "1"}]), "sections[0].rows[0].seats"),
    ("a row of nothing", with_section(rows=[{"row": "1", "seats": 0}]), "sections[0].rows[0].seats"),
    ("the same row twice", with_section(rows=[{"row": "1", "seats": 2}, {"row": "1", "seats": 2}]), "rows[1].row"),
    ("more seats than a city", with_section(rows=[{"row": "1", "seats": 10 ** 9}]), "sections[0].rows[0].seats"),
    ("rate of nothing", definition(admission={"rate_per_s": 0}), "admission.rate_per_s"),
    ("rate as text", definition(admission={"rate_per_s": "700"}), "admission.rate_per_s"),
    ("active_max of nothing", definition(admission={"active_max": 0}), "admission.active_max"),
    ("ttl below zero", definition(holds={"ttl_s": -1}), "holds.ttl_s"),
    ("limit as text", definition(holds={"seats_per_user": "4"}), "holds.seats_per_user"),
    ("a limit beyond reason", definition(holds={"seats_per_user": 10 ** 6}), "holds.seats_per_user"),
]


@pytest.mark.sanitized
@pytest.mark.parametrize("body, member", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_definition_names_the_member_and_makes_nothing(sale, body, member):
    said = refused(sale.operator.put(sale.event, body), 400, "bad_request")
    assert member in said["detail"], said
    refused(sale.operator.show(sale.event), 404, "event_not_found")


@pytest.mark.parametrize("event", ["e" * 65, "a%20b", "a%2Fb", "%00", "a;b", "{e}"])
def test_an_event_cannot_have_such_an_id(sale, event):
    reply = sale.operator.put(event, definition())
    assert reply.status in (400, 404) and reply.code in ("bad_request", "not_found"), reply


def test_a_big_hall_is_one_body(sale):
    rows = [{"row": str(row), "seats": 40} for row in range(1, 1001)]
    body = {**definition(), "sections": [{"id": "A", "name": "Arena", "amount": 1, "rows": rows}]}
    assert sale.operator.put(sale.event, body).status == 201
    sale.move("warm", "open")
    assert sale.operator.show(sale.event).json()["seats"]["available"] == 40_000
    assert sale.admitted().hold(["A-1000-40"]).status == 201


def test_a_body_without_end_is_refused(stand, sale):
    head = (f"PUT /admin/v1/events/{sale.event} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
            f"{stand.env['ONSALE_ADMIN_TOKEN']}\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
    with Raw(stand.env["ONSALE_OPS_URL"]) as raw:
        raw.send(head.encode())
        replies = replies_in(raw.read_until_closed())
    assert [(reply.status, reply.code) for reply in replies] == [(413, "body_too_large")]


TORN = {"TLS": b"\x16\x03\x01\x00", "no target": b"GET\r\n\r\n", "zeros": b"\x00" * 100,
        "a space before the colon": b"GET / HTTP/1.1\r\nX : y\r\n\r\n"}


@pytest.mark.parametrize("data", TORN.values(), ids=TORN.keys())
def test_a_torn_stream_closes_its_connection_only(stand, ops, data):
    assert ops.request("GET", "/livez").status == 200
    with Raw(stand.env["ONSALE_OPS_URL"]) as raw:
        raw.send(data)
        raw.half_close()
        raw.read_until_closed()
    assert ops.request("GET", "/livez").status == 200


def test_an_event_made_on_one_node_is_on_sale_on_another(stand, sale):
    """Nodes share nothing but Redis and PostgreSQL."""
    second = stand.add_server("second", workers=1)
    second.start()
    try:
        sale.open()
        other = Sale({**stand.env, "ONSALE_URL": second.url, "ONSALE_OPS_URL": second.ops_url}, sale.event)
        eventually(lambda: Http(second.url).request("GET", sale.path()).status == 200, what="the event on both nodes")
        here = sale.admitted()
        there = eventually(lambda: other.admitted(), what="a buyer of the second node")
        there.held(["A-1-1"])
        assert here.hold(["A-1-1"]).code == "seat_taken"
        there_too = other.buyer(here.user)
        there_too.admission = here.admission
        assert there_too.gate().status == 204, "tokens of one node are good on all"
    finally:
        second.stop()
