"""A sale as its people see it: the operator who puts an event on sale, and buyers who want seats.

A `Sale` is one event with an id of its own, so that tests share a stand and never each other's seats. A `Buyer` turns
what the contract offers into calls; it answers through whatever client it is given: with `Http` every call returns a
Reply, with `AsyncHttp` an awaitable of one. Nothing here judges: that is the tests' business.
"""

import asyncio
import datetime
import itertools
import time

from client import AsyncHttp, Http, eventually

USER_HEADER = "Onsale-User"
_serial = itertools.count(1)


def instant(seconds_from_now):
    """RFC 3339 UTC with milliseconds."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def parse_instant(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)


def fresh_id(prefix="e"):
    return f"{prefix}-{time.time_ns() // 1000:x}-{next(_serial)}"


def definition(seats=20, rows=1, standing=0, admission=None, holds=None, **more):
    """An event with section A of `rows` rows of `seats` seats, and GA where `standing` says so. Opens by hand only."""
    sections = []
    if rows:
        sections.append({"id": "A", "name": "Floor A", "amount": 15400,
                         "rows": [{"row": str(row + 1), "seats": seats} for row in range(rows)]})
    if standing:
        sections.append({"id": "GA", "name": "Standing", "amount": 9900, "general": standing})
    return {"name": "Winter Concert", "venue": "Hall 1", "currency": "KRW",
            "opens_at": instant(7200), "closes_at": instant(14400), "sections": sections,
            "admission": {"rate_per_s": 5000, "active_max": 5000, "active_ttl_s": 600, "orders_per_admission": 50,
                          **(admission or {})},
            "holds": {"ttl_s": 300, "extensions": 1, "seats_per_user": 4, "release_window_s": 0, **(holds or {})},
            **more}


class Operator:
    """The admin calls. Owns one connection to the operations listener."""

    def __init__(self, url, token):
        self.http = Http(url)
        self._token = token

    def ask(self, method, path, body=None):
        return self.http.request(method, path, {"Authorization": f"Bearer {self._token}"}, body)

    def put(self, event, body):
        return self.ask("PUT", f"/admin/v1/events/{event}", body)

    def show(self, event):
        return self.ask("GET", f"/admin/v1/events/{event}")

    def move(self, event, verb):
        return self.ask("POST", f"/admin/v1/events/{event}/{verb}")


class Sale:
    """One event on sale. Owns the connections of the buyers it made."""

    def __init__(self, env, event=None):
        self.env = env
        self.url = env["ONSALE_URL"]
        self.header = env.get("ONSALE_USER_HEADER", USER_HEADER)
        self.event = event or fresh_id()
        self.operator = Operator(env["ONSALE_OPS_URL"], env["ONSALE_ADMIN_TOKEN"])

    def create(self, **how):
        reply = self.operator.put(self.event, definition(**how))
        assert reply.status == 201, reply
        return self

    def move(self, *verbs):
        for verb in verbs:
            reply = self.operator.move(self.event, verb)
            assert reply.status == 200, f"{verb}: {reply}"
        return self

    def open(self, **how):
        """Creates, warms and opens."""
        return self.create(**how).move("warm", "open")

    def state(self):
        return self.operator.show(self.event).json()["state"]

    def until_state(self, state):
        eventually(lambda: self.state() == state, what=f"{self.event} {state}")
        return self

    def buyer(self, user=None):
        return Buyer(self, fresh_id("u") if user is None else user, Http(self.url))

    def admitted(self, user=None):
        """A buyer with an admission in force."""
        return self.buyer(user).enter()

    def async_buyer(self, user=None):
        return AsyncBuyer(self, user or fresh_id("u"), AsyncHttp(self.url))

    def path(self, rest=""):
        return f"/v1/events/{self.event}{rest}"

    def seats(self, viewer):
        """Seat id -> character, as the API shows it."""
        return seats_of(viewer.map().json())


def seats_of(seat_map):
    found = {}
    for section in seat_map["sections"]:
        for row in section.get("rows", []):
            for offset, character in enumerate(row["seats"]):
                found[f"{section['id']}-{row['row']}-{row['first'] + offset}"] = character
    return found


class Buyer:
    """One user. Keeps the ticket and the admission it was given; `http` answers the calls."""

    def __init__(self, sale, user, http):
        self.sale, self.user, self.http = sale, user, http
        self.ticket = self.admission = None

    # -- one call each; the answer is whatever the client returns

    def join(self, **how):
        return self.ask("POST", "/queue", identity=True, **how)

    def join_again(self, **how):
        """As a refreshed page does: with the ticket."""
        return self.ask("POST", "/queue", token=self.ticket, identity=True, **how)

    def poll(self, **how):
        return self.ask("GET", "/queue", token=self.ticket, **how)

    def leave(self, **how):
        return self.ask("DELETE", "/queue", token=self.ticket, **how)

    def me(self, **how):
        return self.ask("GET", "/me", token=self.ticket, **how)

    def gate(self, **how):
        return self.ask("GET", "/gate", token=self.admission, **how)

    def map(self, since=None, **how):
        return self.ask("GET", "/seats" + ("" if since is None else f"?since={since}"), token=self.admission, **how)

    def hold(self, seats, **how):
        return self.ask("POST", "/holds", token=self.admission, body={"seats": seats}, **how)

    def hold_places(self, quantity, section="GA", **how):
        return self.ask("POST", "/holds", token=self.admission, body={"section": section, "quantity": quantity}, **how)

    def read_hold(self, hold, **how):
        return self.ask("GET", f"/holds/{hold}", token=self.admission, **how)

    def extend(self, hold, **how):
        return self.ask("POST", f"/holds/{hold}/extend", token=self.admission, **how)

    def release(self, hold, **how):
        return self.ask("DELETE", f"/holds/{hold}", token=self.admission, **how)

    def confirm(self, hold, reference=None, amount=15400, currency="KRW", **how):
        return self.ask("POST", f"/holds/{hold}/confirm", token=self.admission,
                        body=payment(reference or f"pay-{hold}", amount, currency), **how)

    def order(self, order, **how):
        return self.ask("GET", f"/orders/{order}", token=self.admission, **how)

    def ask(self, method, rest, token=None, identity=False, key=None, headers=None, body=None):
        return self.http.request(method, self.sale.path(rest), self.headers(token, identity, key, headers), body)

    def headers(self, token=None, identity=False, key=None, more=None):
        headers = dict(more or {})
        if identity:
            headers[self.sale.header] = self.user
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        return headers

    # -- what takes several calls

    def enter(self, deadline_s=30.0):
        """Joins and polls until admitted."""
        reply = self.join()
        assert reply.status in (200, 201), reply
        return self.until_admitted(self.keep(reply), deadline_s)

    def until_admitted(self, state=None, deadline_s=30.0):
        end = time.monotonic() + deadline_s
        while state != "admitted":
            assert time.monotonic() < end, f"{self.user} still {state} after {deadline_s} s"
            time.sleep(0.05)
            reply = self.poll()
            assert reply.status == 200, reply
            state = self.keep(reply)
        return self

    def keep(self, reply):
        """Takes what an answer of join or poll carries, and returns its state."""
        said = reply.json()
        self.ticket = said.get("ticket") or self.ticket
        self.admission = said.get("admission") or self.admission
        return said.get("state")

    def held(self, seats, **how):
        """The members of a hold that must succeed."""
        reply = self.hold(seats, **how)
        assert reply.status == 201, reply
        return reply.json()

    def ordered(self, seats):
        """The members of an order that must succeed."""
        hold = self.held(seats)
        reply = self.confirm(hold["hold"], amount=hold["amount"])
        assert reply.status == 201, reply
        return reply.json()


class AsyncBuyer(Buyer):
    """The same calls, awaited."""

    async def enter(self, deadline_s=60.0):
        reply = await self.join()
        assert reply.status in (200, 201), reply
        return await self.until_admitted(self.keep(reply), deadline_s)

    async def until_admitted(self, state=None, deadline_s=60.0):
        end = time.monotonic() + deadline_s
        while state != "admitted":
            assert time.monotonic() < end, f"{self.user} still {state} after {deadline_s} s"
            await asyncio.sleep(0.1)
            state = self.keep(await self.poll())
        return self

    async def persist(self, call, deadline_s=60.0):
        """What a patient person does: asks `call` again over lost connections and 503 until it is answered."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                reply = await call()
            except (OSError, asyncio.TimeoutError) as lost:
                reply = lost
            else:
                if reply.status != 503:
                    return reply
            assert time.monotonic() < end, f"{self.user}: no answer within {deadline_s} s, last {reply}"
            await asyncio.sleep(0.1)


def payment(reference, amount=15400, currency="KRW"):
    return {"payment": {"reference": reference, "amount": amount, "currency": currency}}


async def in_parallel(buyers, do, at_once=200):
    """Runs `do(buyer)` for all, at most `at_once` at a time; the results in the order of `buyers`."""
    room = asyncio.Semaphore(at_once)

    async def one(buyer):
        async with room:
            return await do(buyer)

    return await asyncio.gather(*(one(buyer) for buyer in buyers))
