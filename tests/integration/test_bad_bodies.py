"""Bad bodies: every wrong member is named, and nothing changes.

Each row is what was wrong, the body, and the member the detail must name. `Wrong` compares the sale before and after:
the seats, the user's holds and orders, and what PostgreSQL knows.
"""

import json

import pytest
from record import seats_in_redis
from sale import Sale, fresh_id, payment

MISSING = object()


@pytest.fixture(scope="module")
def open_sale(stand):
    return Sale(stand.env).open(seats=20, standing=10)


@pytest.fixture(scope="module")
def buyer(open_sale):
    return open_sale.admitted()


@pytest.fixture
def unchanged(open_sale, buyer, record):
    """Fails when the test changed the sale."""
    before = everything(open_sale, buyer, record)
    yield
    assert everything(open_sale, buyer, record) == before


def everything(sale, buyer, record):
    me = buyer.me().json()
    return (seats_in_redis(sale.env, sale.event), me["queue"]["state"], me["holds"], me["orders"],
            record.owners(sale.event))


def named(reply, member):
    assert (reply.status, reply.code) == (400, "bad_request"), reply
    said = reply.json()
    assert member in said["detail"], said
    assert said["status"] == 400 and said["title"] and said["type"]
    assert "x-request-id" in reply.headers


HOLDS = [
    ("no body at all", b"", "body"),
    ("no JSON", b"{seats", "JSON"),
    ("half a JSON", b'{"seats":["A-1-1"]', "JSON"),
    ("two JSONs", b'{"seats":["A-1-1"]}{"seats":["A-1-2"]}', "JSON"),
    ("an array", b'["A-1-1"]', "object"),
    ("a string", b'"A-1-1"', "object"),
    ("null", b"null", "object"),
    ("broken UTF-8", b'{"seats":["A-1-\xff"]}', ""),
    ("nothing wanted", {}, "seats"),
    ("an unknown member only", {"chairs": ["A-1-1"]}, "seats"),
    ("seats as text", {"seats": "A-1-1"}, "seats"),
    ("seats as number", {"seats": 1}, "seats"),
    ("seats as null", {"seats": None}, "seats"),
    ("no seat", {"seats": []}, "seats"),
    ("a seat as number", {"seats": [1]}, "seats"),
    ("a seat as null", {"seats": ["A-1-1", None]}, "seats"),
    ("an empty seat", {"seats": [""]}, "seats"),
    ("a seat twice", {"seats": ["A-1-1", "A-1-1"]}, "seats"),
    ("a seat that is not there", {"seats": ["A-1-21"]}, "A-1-21"),
    ("seat zero", {"seats": ["A-1-0"]}, "A-1-0"),
    ("a seat with a leading zero", {"seats": ["A-1-01"]}, "A-1-01"),
    ("a seat with a sign", {"seats": ["A-1-+1"]}, "A-1-+1"),
    ("a row that is not there", {"seats": ["A-9-1"]}, "A-9-1"),
    ("a section that is not there", {"seats": ["Z-1-1"]}, "Z-1-1"),
    ("a seat number beyond all numbers", {"seats": ["A-1-" + "9" * 40]}, "seats"),
    ("one good and one bad seat", {"seats": ["A-1-1", "A-1-99"]}, "A-1-99"),
    ("a seat id of 4000 bytes", {"seats": ["A-1-" + "1" * 4000]}, "seats"),
    ("more seats than anybody may have", {"seats": [f"A-1-{n}" for n in range(1, 80)]}, "seats"),
    ("no quantity", {"section": "GA"}, "quantity"),
    ("quantity as text", {"section": "GA", "quantity": "2"}, "quantity"),
    ("quantity as fraction", {"section": "GA", "quantity": 1.5}, "quantity"),
    ("quantity as null", {"section": "GA", "quantity": None}, "quantity"),
    ("quantity zero", {"section": "GA", "quantity": 0}, "quantity"),
    ("quantity below zero", {"section": "GA", "quantity": -1}, "quantity"),
    ("quantity beyond all numbers", {"section": "GA", "quantity": 2 ** 70}, ""),  # no JSON number we can read
    ("no section", {"quantity": 2}, "se"),
    ("section as number", {"section": 7, "quantity": 2}, "section"),
    ("a section that is not there, by quantity", {"section": "Z", "quantity": 2}, "section"),
    ("a numbered section by quantity", {"section": "A", "quantity": 2}, ""),
    ("an empty section", {"section": "", "quantity": 2}, "section"),
    ("deep nesting", b'{"seats":' + b"[" * 2000 + b"]" * 2000 + b"}", ""),
]


@pytest.mark.sanitized
@pytest.mark.parametrize("body, member", [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_a_wrong_hold_names_the_member(buyer, unchanged, body, member):
    named(buyer.ask("POST", "/holds", token=buyer.admission, body=body), member)


def changed_payment(**members):
    body = payment("pay-bad")
    for name, value in members.items():
        if value is MISSING:
            del body["payment"][name]
        else:
            body["payment"][name] = value
    return body


CONFIRMS = [
    ("no body at all", b"", "body"),
    ("no JSON", b"payment=1", "JSON"),
    ("an array", b"[]", "object"),
    ("no payment", {}, "payment"),
    ("payment as text", {"payment": "pay"}, "payment"),
    ("payment as null", {"payment": None}, "payment"),
    ("payment as array", {"payment": []}, "payment"),
    ("no reference", changed_payment(reference=MISSING), "payment.reference"),
    ("reference as number", changed_payment(reference=1), "payment.reference"),
    ("reference as null", changed_payment(reference=None), "payment.reference"),
    ("an empty reference", changed_payment(reference=""), "payment.reference"),
    ("a reference of 129 bytes", changed_payment(reference="p" * 129), "payment.reference"),
    ("a reference with a line break", changed_payment(reference="a\nb"), "payment.reference"),
    ("a reference with a zero byte", changed_payment(reference="a\x00b"), "payment.reference"),
    ("no amount", changed_payment(amount=MISSING), "payment.amount"),
    ("amount as text", changed_payment(amount="15400"), "payment.amount"),
    ("amount as fraction", changed_payment(amount=15400.5), "payment.amount"),
    ("amount as null", changed_payment(amount=None), "payment.amount"),
    ("amount below zero", changed_payment(amount=-15400), "payment.amount"),
    ("amount beyond all numbers", changed_payment(amount=2 ** 70), ""),
    ("amount beyond the largest we keep", changed_payment(amount=2 ** 63), "payment.amount"),
    ("no currency", changed_payment(currency=MISSING), "payment.currency"),
    ("currency as number", changed_payment(currency=410), "payment.currency"),
    ("currency in small letters", changed_payment(currency="krw"), "payment.currency"),
    ("currency of two letters", changed_payment(currency="KR"), "payment.currency"),
    ("currency of four letters", changed_payment(currency="KRWW"), "payment.currency"),
    ("fence as text", {"fence": "7", **payment("pay-bad")}, "fence"),
    ("fence as fraction", {"fence": 7.5, **payment("pay-bad")}, "fence"),
    ("fence below zero", {"fence": -7, **payment("pay-bad")}, "fence"),
]


@pytest.fixture(scope="module")
def hold(buyer):
    return buyer.held(["A-1-20"])["hold"]


@pytest.mark.sanitized
@pytest.mark.parametrize("body, member", [row[1:] for row in CONFIRMS], ids=[row[0] for row in CONFIRMS])
def test_a_wrong_confirm_names_the_member_and_takes_no_money(open_sale, buyer, hold, record, unchanged, body, member):
    named(buyer.ask("POST", f"/holds/{hold}/confirm", token=buyer.admission, body=body), member)
    assert record.payment(open_sale.event, "pay-bad") is None


def test_unknown_members_are_ignored(open_sale):
    other = open_sale.admitted()
    reply = other.ask("POST", "/holds", token=other.admission, body={"seats": ["A-1-5"], "colour": {"deep": [1]}})
    assert reply.status == 201, reply
    body = {"note": None, "payment": {**payment("pay-more")["payment"], "bank": ["x"]}}
    reply = other.ask("POST", f"/holds/{reply.json()['hold']}/confirm", token=other.admission, body=body)
    assert reply.status == 201, reply


@pytest.mark.parametrize("method, rest", [("POST", "/holds"), ("POST", "/holds/{hold}/confirm")])
def test_a_body_beyond_the_limit_is_refused_unread(buyer, hold, unchanged, method, rest):
    body = json.dumps({"seats": ["A-1-1"], "filler": "x" * 17000}).encode()
    reply = buyer.ask(method, rest.format(hold=hold), token=buyer.admission, body=body)
    assert (reply.status, reply.code) in ((413, "body_too_large"), (400, "bad_request")), reply


def test_a_body_at_the_limit_is_read(buyer, unchanged):
    body = b'{"seats":["A-1-99"],"filler":"' + b"x" * (16 * 1024 - 32) + b'"}'
    assert len(body) == 16 * 1024
    named(buyer.ask("POST", "/holds", token=buyer.admission, body=body), "A-1-99")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                                  "multipart/form-data; boundary=x", "text/json"])
def test_another_kind_of_body_is_refused(buyer, unchanged, kind):
    reply = buyer.ask("POST", "/holds", token=buyer.admission, headers={"Content-Type": kind},
                      body=b'{"seats":["A-1-1"]}')
    assert (reply.status, reply.code) == (415, "unsupported_media_type"), reply


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_of_its_names_is_read(buyer, unchanged, kind):
    named(buyer.ask("POST", "/holds", token=buyer.admission, headers={"Content-Type": kind},
                    body={"seats": ["A-1-99"]}), "A-1-99")


MALFORMED_IDS = ["x", "01J", "0" * 25, "0" * 27, "U" * 26, "8" + "Z" * 25, "01jzzzzzzzzzzzzzzzzzzzzz;x"]
HOLD_CALLS = [("GET", "/holds/{id}"), ("POST", "/holds/{id}/extend"), ("DELETE", "/holds/{id}"),
              ("POST", "/holds/{id}/confirm"), ("GET", "/orders/{id}")]


@pytest.mark.parametrize("method, rest", HOLD_CALLS, ids=[f"{method} {rest}" for method, rest in HOLD_CALLS])
@pytest.mark.parametrize("identifier", MALFORMED_IDS)
def test_an_id_that_is_none_is_named(buyer, unchanged, method, rest, identifier):
    body = payment("pay-bad") if rest.endswith("confirm") else None
    reply = buyer.ask(method, rest.format(id=identifier), token=buyer.admission, body=body)
    named(reply, "order" if "orders" in rest else "hold")


@pytest.mark.parametrize("method, rest", HOLD_CALLS, ids=[f"{method} {rest}" for method, rest in HOLD_CALLS])
def test_an_id_nobody_has_is_not_found(buyer, unchanged, method, rest):
    body = payment("pay-bad") if rest.endswith("confirm") else None
    reply = buyer.ask(method, rest.format(id="01ARZ3NDEKTSV4RRFFQ69G5FAV"), token=buyer.admission, body=body)
    code = "order_not_found" if "orders" in rest else "hold_not_found"
    assert (reply.status, reply.code) == (404, code), reply


@pytest.mark.parametrize("user", ["", "a b", "u" * 65, "u;x", "u,x", "ü", "u/../x", "u\tx", "<u>"])
def test_a_user_that_is_none_is_named(open_sale, unchanged, user):
    reply = open_sale.buyer(user).join()
    assert reply.status in (400, 401) and reply.code in ("bad_request", "token_missing"), reply
    if reply.status == 400:
        assert "user" in reply.json()["detail"].lower()


def test_the_longest_and_oddest_user_is_one(open_sale):
    user = fresh_id("A.z_9:@-")
    user += "x" * (64 - len(user))
    assert open_sale.buyer(user).join().json()["user"] == user
