"""Many who want the same: one seat has one holder, a hall has as many orders as seats."""

import asyncio
import collections
import random

from sale import in_parallel, payment

HOLDERS = 200
BUYERS, ROWS, SEATS_PER_ROW = 1000, 20, 25


def test_one_seat_and_two_hundred_hands_make_one_holder(sale):
    sale.open(seats=1)
    outcomes = asyncio.run(all_grab_one_seat(sale))
    assert outcomes == {(201, None): 1, (409, "seat_taken"): HOLDERS - 1}


async def all_grab_one_seat(sale):
    buyers = [sale.async_buyer(f"grab-{number}") for number in range(HOLDERS)]
    await in_parallel(buyers, lambda buyer: buyer.enter())
    replies = await asyncio.gather(*(buyer.hold(["A-1-1"]) for buyer in buyers))
    for buyer in buyers:
        buyer.http.close()
    return collections.Counter((reply.status, reply.code) for reply in replies)


def test_one_user_with_two_hundred_hands_makes_one_hold(sale):
    sale.open(standing=400)
    buyer = sale.admitted()
    replies = asyncio.run(one_user_many_tabs(sale, buyer))
    assert {reply.status for reply in replies} <= {201, 409}, {str(reply) for reply in replies}
    assert sum(reply.status == 201 for reply in replies) == 4, "the limit of a user is four seats"


async def one_user_many_tabs(sale, buyer):
    tabs = [sale.async_buyer(buyer.user) for _ in range(100)]
    for tab in tabs:
        tab.admission = buyer.admission
    replies = await asyncio.gather(*(tab.hold_places(1) for tab in tabs))
    for tab in tabs:
        tab.http.close()
    return replies


def test_one_payment_and_a_hundred_clicks_make_one_order(sale, record):
    sale.open()
    buyer = sale.admitted()
    hold = buyer.held(["A-1-1"])["hold"]

    async def click_all():
        tabs = [sale.async_buyer(buyer.user) for _ in range(100)]
        for tab in tabs:
            tab.admission = buyer.admission
        replies = await asyncio.gather(*(tab.confirm(hold, reference="pay-1") for tab in tabs))
        for tab in tabs:
            tab.http.close()
        return replies

    replies = asyncio.run(click_all())
    assert {(reply.status, reply.json().get("order")) for reply in replies} == {(201, hold)}
    assert record.orders(sale.event) == {hold}


def test_a_thousand_buyers_sell_five_hundred_seats_once_each(sale, record):
    sale.open(seats=SEATS_PER_ROW, rows=ROWS)
    orders = [order for order in asyncio.run(everybody_wants_any_seat(sale)) if order]
    assert len(orders) == len(set(orders)) == ROWS * SEATS_PER_ROW
    owners = record.owners(sale.event)
    assert len(owners) == ROWS * SEATS_PER_ROW
    assert set(owners.values()) == set(orders) == record.orders(sale.event)
    viewer = sale.operator.show(sale.event).json()
    assert viewer["seats"]["sold"] == ROWS * SEATS_PER_ROW and viewer["seats"]["available"] == 0


async def everybody_wants_any_seat(sale):
    dice = random.Random(7)
    buyers = [sale.async_buyer(f"buyer-{number}") for number in range(BUYERS)]
    orders = await in_parallel(buyers, lambda buyer: buy_any_seat(buyer, dice), at_once=BUYERS)
    for buyer in buyers:
        buyer.http.close()
    return orders


async def buy_any_seat(buyer, dice):
    """The order, or None when everything was gone."""
    free = None
    state = buyer.keep(await buyer.persist(buyer.join))
    while True:
        if state == "sold_out":
            return None
        if state == "admitted":
            free = await free_seats(buyer)
            if not free:
                return None  # held or sold, all of it; nobody here lets a hold run out
            order = await try_seat(buyer, dice.choice(free))
            if order:
                return order
            continue
        assert state == "waiting", f"{buyer.user} lost its place: {state}"
        await asyncio.sleep(0.1)
        state = buyer.keep(await buyer.persist(buyer.poll))


async def free_seats(buyer):
    reply = await buyer.persist(buyer.map)
    assert reply.status == 200, reply
    return [f"{section['id']}-{row['row']}-{row['first'] + at}" for section in reply.json()["sections"]
            for row in section["rows"] for at, character in enumerate(row["seats"]) if character == "."]


async def try_seat(buyer, seat):
    reply = await buyer.persist(lambda: buyer.hold([seat]))
    if reply.status == 409:
        assert reply.code == "seat_taken", reply
        await asyncio.sleep(0.02)  # the map may be a moment behind
        return None
    assert reply.status in (200, 201), reply
    hold = reply.json()
    confirmed = await buyer.persist(lambda: buyer.ask(
        "POST", f"/holds/{hold['hold']}/confirm", token=buyer.admission, body=payment(f"pay-{hold['hold']}")))
    assert confirmed.status in (201, 202), confirmed
    return confirmed.json()["order"]
