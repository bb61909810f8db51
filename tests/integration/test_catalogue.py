"""What is on sale, in words."""

from client import Http, eventually


def test_an_event_shows_its_prices_and_what_is_left_in_words(sale):
    sale.open(seats=4, standing=2)
    reply = Http(sale.url).request("GET", sale.path())
    assert reply.status == 200, reply
    assert "max-age=1" in reply.headers["cache-control"]
    said = reply.json()
    assert said["name"] == "Winter Concert" and said["venue"] == "Hall 1" and said["state"] == "open"
    assert said["opens_at"].endswith("Z")
    prices = {section["id"]: (section["amount"], section["currency"]) for section in said["sections"]}
    assert prices == {"A": (15400, "KRW"), "GA": (9900, "KRW")}
    assert all(section["availability"] in ("many", "few", "none") for section in said["sections"])


def test_an_event_without_a_seat_left_says_none(sale):
    sale.open(seats=2)
    sale.admitted().ordered(["A-1-1", "A-1-2"])
    http = Http(sale.url)
    eventually(lambda: http.request("GET", sale.path()).json()["sections"][0]["availability"] == "none",
               what="availability none")


def test_the_list_names_the_event(sale):
    sale.open()
    reply = Http(sale.url).request("GET", "/v1/events")
    assert reply.status == 200
    said = reply.json()
    listed = said["events"] if isinstance(said, dict) else said
    assert sale.event in {event.get("id") or event.get("event") for event in listed}


def test_an_unknown_event_is_not_found(sale):
    reply = Http(sale.url).request("GET", "/v1/events/no-such-event")
    assert (reply.status, reply.code) == (404, "event_not_found"), reply
