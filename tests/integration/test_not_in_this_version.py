"""What the contract has and this version does not: said plainly, and without an effect."""

import pytest

HOLD = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def not_implemented(reply):
    assert (reply.status, reply.code) == (501, "not_implemented"), reply
    assert reply.json()["detail"]


@pytest.mark.parametrize("method, rest, body", [
    ("POST", f"/holds/{HOLD}/payment", {}),
    ("GET", "/queue/stream", None),
    ("GET", "/queue/ws", None),
    ("GET", "/seats/stream", None),
])
def test_public_calls_of_later_versions(sale, method, rest, body):
    sale.open()
    buyer = sale.admitted()
    token = buyer.ticket if "queue" in rest else buyer.admission
    not_implemented(buyer.ask(method, rest, token=token, body=body))


def test_the_webhook_of_later_versions(sale):
    not_implemented(sale.buyer().http.request("POST", "/v1/payments/webhook", {}, {"id": "evt_1"}))


def test_best_available_of_later_versions(sale):
    sale.open(standing=5)
    buyer = sale.admitted()
    not_implemented(buyer.ask("POST", "/holds", token=buyer.admission,
                              body={"section": "A", "quantity": 2, "best_available": True}))
    assert set(sale.seats(buyer).values()) == {"."}


@pytest.mark.parametrize("method, path, body", [
    ("PATCH", "/admin/v1/events/{event}/admission", {"rate_per_s": 1}),
    ("POST", "/admin/v1/events/{event}/reconcile", {"repair": False}),
    ("GET", "/admin/v1/events/{event}/audit", None),
    ("POST", f"/admin/v1/orders/{HOLD}/cancel", None),
    ("GET", "/admin/v1/blocks/127.0.0.1", None),
    ("PUT", "/admin/v1/blocks/127.0.0.1", {"ttl_s": 1}),
    ("DELETE", "/admin/v1/blocks/127.0.0.1", None),
    ("GET", "/admin/v1/dead-letters", None),
    ("POST", "/admin/v1/dead-letters/1/replay", None),
])
def test_admin_calls_of_later_versions(sale, method, path, body):
    sale.open()
    not_implemented(sale.operator.ask(method, path.format(event=sale.event), body))
