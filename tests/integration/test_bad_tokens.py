"""Tokens: forged, truncated, of another event, of another role, run out. Never believed, never a changed sale."""

import base64

import pytest
from client import eventually
from record import seats_in_redis
from sale import Sale, payment

HOLD = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TICKET_CALLS = [("GET", "/queue"), ("DELETE", "/queue"), ("GET", "/me")]
ADMISSION_CALLS = [("GET", "/seats"), ("POST", "/holds"), ("GET", "/gate")]
EITHER_CALLS = [("GET", f"/holds/{HOLD}"), ("POST", f"/holds/{HOLD}/extend"), ("DELETE", f"/holds/{HOLD}"),
                ("POST", f"/holds/{HOLD}/confirm"), ("GET", f"/orders/{HOLD}")]
ALL_CALLS = TICKET_CALLS + ADMISSION_CALLS + EITHER_CALLS
IDS = [f"{method} {rest.replace(HOLD, 'HOLD')}" for method, rest in ALL_CALLS]


@pytest.fixture(scope="module")
def open_sale(stand):
    return Sale(stand.env).open()


@pytest.fixture(scope="module")
def buyer(open_sale):
    """Somebody admitted who holds a seat."""
    buyer = open_sale.admitted()
    buyer.held(["A-1-1"])
    return buyer


@pytest.fixture(scope="module")
def neighbour(stand):
    """Somebody admitted to another event."""
    return Sale(stand.env).open().admitted("neighbour")


@pytest.fixture(autouse=True)
def unchanged(open_sale, buyer):
    """Whatever a bad token is used for, the sale stays as it is."""
    def everything():
        me = buyer.me().json()
        return seats_in_redis(open_sale.env, open_sale.event), me["queue"]["state"], me["holds"], me["orders"]

    before = everything()
    yield
    assert everything() == before


def body_for(rest):
    if rest == "/holds":
        return {"seats": ["A-1-2"]}
    return payment("pay-bad") if rest.endswith("/confirm") else None


def own_token(buyer, rest):
    return buyer.ticket if rest in ("/queue", "/me") else buyer.admission


def refused(reply, *codes):
    assert reply.status == 401 and reply.code in codes, reply
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json()["detail"]


def each_call(test):
    return pytest.mark.parametrize("method, rest", ALL_CALLS, ids=IDS)(test)


@each_call
def test_without_a_token(buyer, method, rest):
    refused(buyer.ask(method, rest, body=body_for(rest)), "token_missing")


@each_call
@pytest.mark.parametrize("scheme", ["Basic dTpw", "Bearer", "Bearer ", "Digest x", "", "bearer2 x"])
def test_with_another_scheme(buyer, method, rest, scheme):
    reply = buyer.ask(method, rest, headers={"Authorization": scheme}, body=body_for(rest))
    refused(reply, "token_missing", "token_invalid")


def flipped(token, at):
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[at] ^= 0x40
    return base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()


FORGERIES = {
    "its first byte changed": lambda token: flipped(token, 0),
    "its middle changed": lambda token: flipped(token, len(token) * 3 // 8),
    "its last byte changed": lambda token: flipped(token, -1),
    "its signature cut": lambda token: token[:-8],
    "one character short": lambda token: token[:-1],
    "one character long": lambda token: token + "A",
    "half of it": lambda token: token[:len(token) // 2],
    "one character": lambda token: token[:1],
    "padding": lambda token: token + "==",
    "no alphabet of ours": lambda token: "!" * len(token),
    "a long one": lambda token: "A" * 2000,
    "a JWT without signature": lambda token: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.",
    "twice": lambda token: token + token,
}


@pytest.mark.sanitized
@each_call
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token(buyer, method, rest, forge):
    reply = buyer.ask(method, rest, token=forge(own_token(buyer, rest)), body=body_for(rest))
    refused(reply, "token_invalid")


@each_call
def test_a_token_of_another_event(open_sale, buyer, neighbour, method, rest):
    reply = buyer.ask(method, rest, token=own_token(neighbour, rest), body=body_for(rest))
    refused(reply, "token_invalid")


@pytest.mark.parametrize("method, rest", [("GET", "/queue"), ("DELETE", "/queue")])
def test_an_admission_is_no_ticket(buyer, method, rest):
    refused(buyer.ask(method, rest, token=buyer.admission), "token_invalid")


def test_a_ticket_opens_no_gate(buyer):
    refused(buyer.ask("GET", "/gate", token=buyer.ticket), "token_invalid")


@pytest.mark.parametrize("method, rest", [("GET", "/seats"), ("POST", "/holds")])
def test_a_ticket_is_no_admission(buyer, method, rest):
    reply = buyer.ask(method, rest, token=buyer.ticket, body=body_for(rest))
    assert (reply.status, reply.code) in ((401, "token_invalid"), (403, "not_admitted")), reply


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_ticket_joins_as_nobody(buyer, forge):
    refused(buyer.ask("POST", "/queue", token=forge(buyer.ticket)), "token_invalid")


def test_an_admission_that_ran_out(stand):
    sale = Sale(stand.env).open(admission={"active_ttl_s": 1})
    late = sale.admitted()
    eventually(lambda: late.gate().status == 401, what="the admission's end")
    refused(late.gate(), "token_expired")
    reply = late.hold(["A-1-1"])
    assert (reply.status, reply.code) == (403, "admission_expired"), reply
    assert sale.operator.show(sale.event).json()["seats"]["held"] == 0


@pytest.mark.parametrize("first", ["good", "bad"])
def test_two_tokens_in_one_request_are_none(buyer, first):
    tokens = {"good": buyer.admission, "bad": flipped(buyer.admission, -1)}
    second = "bad" if first == "good" else "good"
    reply = buyer.ask("GET", "/gate", headers={"Authorization": f"Bearer {tokens[first]}",
                                               "authorization": f"Bearer {tokens[second]}"})
    assert reply.status in (400, 401), reply


EVENT_CALLS = [("POST", "/queue"), *ALL_CALLS, ("GET", "")]


@pytest.mark.parametrize("method, rest", EVENT_CALLS, ids=[f"{method} {rest}" for method, rest in EVENT_CALLS])
def test_an_event_nobody_knows(buyer, method, rest):
    headers = buyer.headers(token=own_token(buyer, rest), identity=rest == "/queue" and method == "POST")
    reply = buyer.http.request(method, "/v1/events/nobody-knows" + rest, headers, body_for(rest))
    assert (reply.status, reply.code) == (404, "event_not_found"), reply


@pytest.mark.parametrize("event", ["e" * 65, "a%2Fb", "a%00b", "%F0%9F%8E%AB", "a;b", "a%20b", ".."])
def test_an_event_id_that_is_none(buyer, event):
    reply = buyer.http.request("GET", f"/v1/events/{event}/queue", buyer.headers(token=buyer.ticket))
    assert reply.code in ("bad_request", "event_not_found", "not_found") and reply.status in (400, 404), reply
