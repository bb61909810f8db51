"""The gate: what a reverse proxy asks, and where it sends people."""

import pytest
from client import eventually


def test_the_gate_names_the_admitted_user(sale):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.gate()
    assert reply.status == 204, reply
    assert reply.headers["onsale-user"] == buyer.user
    assert reply.body == b""


def test_the_gate_reads_the_admission_from_its_cookie(sale):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.ask("GET", "/gate", headers={"Cookie": f"onsale_admission_{sale.event}={buyer.admission}"})
    assert reply.status == 204, reply


def test_somebody_admitted_who_joins_again_gets_the_cookie_the_gate_wants(sale):
    """Else the gate sends the browser to the waiting page, which sends it to the gate, for ever."""
    sale.open()
    buyer = sale.admitted()
    elsewhere = sale.buyer(buyer.user).join()
    assert elsewhere.json()["state"] == "admitted", elsewhere
    cookies = dict(cookie.split(";")[0].split("=", 1) for cookie in elsewhere.cookies)
    name = f"onsale_admission_{sale.event}"
    assert buyer.ask("GET", "/gate", headers={"Cookie": f"{name}={cookies[name]}"}).status == 204


def test_the_gate_stays_shut_without_an_admission(sale):
    sale.open()
    buyer = sale.buyer()
    assert buyer.ask("GET", "/gate").status == 401
    buyer.keep(buyer.join())
    ticket = buyer.ask("GET", "/gate", token=buyer.ticket)
    assert (ticket.status, ticket.code) == (401, "token_invalid"), "a ticket is no admission"


def test_the_gate_shuts_when_the_admission_runs_out(sale):
    sale.open(admission={"active_ttl_s": 1})
    buyer = sale.admitted()
    eventually(lambda: buyer.gate().status == 401, what="the gate to shut")
    assert buyer.gate().code == "token_expired"


def test_people_with_an_admission_go_on_and_others_to_the_waiting_page(sale):
    sale.open()
    buyer = sale.admitted()
    path = f"/gate/{sale.event}?next=/seats%3Fzone=A"
    admitted = buyer.http.request("GET", path, {"Authorization": f"Bearer {buyer.admission}"})
    assert admitted.status == 302, admitted
    assert admitted.headers["location"] == "/seats?zone=A"
    waiting = buyer.http.request("GET", path)
    assert waiting.status == 302, waiting
    assert waiting.headers["location"] != "/seats?zone=A"
    page = buyer.http.request("GET", waiting.headers["location"])
    assert page.status == 200 and page.headers["content-type"].startswith("text/html"), page


def test_the_gate_of_an_event_nobody_knows(sale):
    reply = sale.buyer().http.request("GET", "/gate/nobody-knows?next=/")
    assert (reply.status, reply.code) == (404, "event_not_found"), reply


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/%5Cevil.example", "seats", "",
                                    "/a%0d%0aSet-Cookie:x=y", "%2F%2Fevil.example", "javascript:alert(1)"])
def test_the_gate_sends_nobody_to_another_site(sale, target):
    sale.open()
    buyer = sale.admitted()
    reply = buyer.http.request("GET", f"/gate/{sale.event}?next={target}",
                               {"Authorization": f"Bearer {buyer.admission}"})
    assert (reply.status, reply.code) == (400, "bad_request"), reply
    assert "next" in reply.json()["detail"]
