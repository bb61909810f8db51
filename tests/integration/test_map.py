"""The seat map: shape, versions, changes."""

import re

import pytest
from client import eventually
from sale import seats_of


def changed_seats(viewer, since):
    reply = viewer.map(since=since)
    assert reply.status == 200, reply
    return reply.json()


@pytest.mark.sanitized
def test_the_map_shows_every_seat_once(sale):
    sale.open(seats=5, rows=2, standing=7)
    viewer = sale.admitted()
    reply = viewer.map()
    assert reply.status == 200, reply
    said = reply.json()
    assert isinstance(said["version"], int)
    floor, standing = said["sections"]
    assert (floor["id"], floor["name"], floor["amount"], floor["currency"]) == ("A", "Floor A", 15400, "KRW")
    assert floor["available"] == 10
    assert floor["rows"] == [{"row": "1", "first": 1, "seats": "....."}, {"row": "2", "first": 1, "seats": "....."}]
    assert standing["general"] is True and standing["available"] == 7
    assert "rows" not in standing


def test_the_map_follows_a_seat_through_its_life(sale):
    sale.open(seats=3)
    viewer, buyer = sale.admitted(), sale.admitted()
    hold = buyer.held(["A-1-2"])
    eventually(lambda: sale.seats(viewer)["A-1-2"] == "h", what="held seat on the map")
    assert viewer.map().json()["sections"][0]["available"] == 2
    assert buyer.confirm(hold["hold"], amount=hold["amount"]).status == 201
    eventually(lambda: sale.seats(viewer) == {"A-1-1": ".", "A-1-2": "x", "A-1-3": "."}, what="sold seat on the map")


def test_a_map_that_has_not_changed_is_not_sent_again(sale):
    sale.open()
    viewer = sale.admitted()

    def settled():  # admissions and the like change the version too
        tag = viewer.map().headers["etag"]
        reply = viewer.map(headers={"If-None-Match": tag})
        return reply if reply.status == 304 else None

    reply = eventually(settled, what="304")
    assert reply.body == b""
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', reply.headers["etag"]), "a strong tag"
    sale.admitted().held(["A-1-1"])
    eventually(lambda: viewer.map(headers={"If-None-Match": reply.headers["etag"]}).status == 200, what="a new map")


def test_changes_since_a_version_are_the_changes(sale):
    sale.open()
    viewer, buyer = sale.admitted(), sale.admitted()
    version = viewer.map().json()["version"]
    buyer.held(["A-1-3", "A-1-4"])

    def both():
        said = changed_seats(viewer, version)
        assert "changes" in said, said
        return said if len(said["changes"]) == 2 else None

    said = eventually(both, what="two changes")
    assert sorted(said["changes"]) == [["A-1-3", "h"], ["A-1-4", "h"]]
    assert said["version"] > version
    assert changed_seats(viewer, said["version"])["changes"] == []


@pytest.mark.parametrize("version", [1, 0])
def test_a_version_too_old_gets_the_whole_map(sale, version):
    sale.open(seats=3)
    viewer = sale.admitted()
    said = changed_seats(viewer, version)
    assert set(seats_of(said)) == {"A-1-1", "A-1-2", "A-1-3"}


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "99999999999999999999999"])
def test_a_version_that_is_no_number_is_named(sale, version):
    sale.open(seats=3)
    reply = sale.admitted().map(since=version)
    assert (reply.status, reply.code) == (400, "bad_request"), reply
    assert "since" in reply.json()["detail"]


def test_only_the_admitted_see_the_map(sale):
    sale.open(admission={"active_max": 1})
    sale.admitted()
    waiting = sale.buyer()
    waiting.keep(waiting.join())
    reply = waiting.ask("GET", "/seats", token=waiting.ticket)
    assert (reply.status, reply.code) in ((403, "not_admitted"), (401, "token_invalid")), reply
