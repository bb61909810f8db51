"""Who the user is: believed from a trusted proxy, or minted."""

import re

import pytest
from client import Http
from sale import Sale


@pytest.fixture(scope="module")
def anonymous(stand):
    """A node of the same sale that mints its users."""
    node = stand.add_server("anonymous", workers=1, settings={"identity": {"mode": "anonymous"}})
    node.start()
    yield {**stand.env, "ONSALE_URL": node.url, "ONSALE_OPS_URL": node.ops_url}
    node.stop()


@pytest.fixture(scope="module")
def wary(stand):
    """A node that believes the header from elsewhere only."""
    node = stand.add_server("wary", workers=1, settings={"identity": {"mode": "header", "header": "Onsale-User",
                                                                     "trusted_proxies": ["10.1.2.0/24"]}})
    node.start()
    yield {**stand.env, "ONSALE_URL": node.url, "ONSALE_OPS_URL": node.ops_url}
    node.stop()


def test_an_anonymous_user_is_minted_and_returned(anonymous):
    sale = Sale(anonymous).open()
    http = Http(sale.url)
    first, second = http.request("POST", sale.path("/queue")), http.request("POST", sale.path("/queue"))
    assert (first.status, second.status) == (201, 201)
    users = {first.json()["user"], second.json()["user"]}
    assert len(users) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._:@-]{1,64}", user) for user in users)


def test_an_anonymous_user_comes_back_by_the_ticket(anonymous):
    sale = Sale(anonymous).open()
    http = Http(sale.url)
    first = http.request("POST", sale.path("/queue")).json()
    again = http.request("POST", sale.path("/queue"), {"Authorization": f"Bearer {first['ticket']}"})
    assert again.status == 200, again
    assert again.json()["user"] == first["user"]


def test_an_anonymous_node_believes_no_header(anonymous):
    sale = Sale(anonymous).open()
    said = Http(sale.url).request("POST", sale.path("/queue"), {"Onsale-User": "president"}).json()
    assert said["user"] != "president"


def test_a_header_from_an_untrusted_peer_is_nobody(wary):
    sale = Sale(wary).open()
    reply = sale.buyer("president").join()
    assert (reply.status, reply.code) == (401, "token_missing"), reply


def test_two_identities_in_one_request_are_none(stand):
    sale = Sale(stand.env).open()
    reply = sale.buyer("one").ask("POST", "/queue", headers={"Onsale-User": "one", "onsale-user": "two"})
    assert reply.status in (400, 401), reply
