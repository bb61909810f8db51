"""What is asked in each bench: an event prepared so that every request of it is the same piece of work.

A workload gives lines for onsale-load (method, target, authorization, idempotency key, more headers, body; tabs
between, "-" for none). Requests that may be repeated are walked again and again (`order` is "cycle"); those that only
count the first time (a join is a new user, a confirm the first of its hold) are sent once each ("once").
"""

import dataclasses
import json
from collections.abc import Callable

from perf.bench.buyers import Event, bearer, expect
from perf.bench.programs import LoadSettings

PLACES_MAX = 1_000_000  # of an event; the server's own limit
_STANDING = '{"section":"GA","quantity":1}'


def line(method: str, target: str, *, token: str = "-", headers: str = "-", body: str = "-") -> str:
    authorization = token if token == "-" else f"Bearer {token}"
    return "\t".join((method, target, authorization, "-", headers, body))


def standing(places: int) -> list[dict]:
    return [{"id": "GA", "name": "Standing", "amount": 9900, "general": places}]


class Workload:
    """See above. Made anew for each stand; `lines(count)` may be called again and gives further requests."""

    order = "cycle"
    expected = "200"

    def __init__(self, env: dict[str, str], users: int):
        self.env = env
        self.users = users
        self.prepare()

    def prepare(self) -> None:
        """Makes the event; called once."""

    def fitted(self, settings: LoadSettings) -> LoadSettings:
        """The settings of a load of this workload's requests."""
        return dataclasses.replace(settings, order=self.order, expected=self.expected)

    def lines(self, count: int) -> list[str]:
        """`count` requests when each is sent once, else as many as there are different ones."""
        raise NotImplementedError


class Empty(Workload):
    """The cheapest answer the public listener has: a path that is not there. Parsed, routed, answered; no Redis."""

    expected = "404"

    def lines(self, count: int) -> list[str]:
        return [line("GET", "/nothing-here")]


class Poll(Workload):
    """Users who wait ask where they stand. One at a time is let in, so next to all of them wait until the end."""

    def prepare(self) -> None:
        self.event = Event(self.env, "poll", standing(self.users), let_in=False, buyers=self.users)
        self.tickets = self.event.join(f"waiting-{number}" for number in range(self.users))

    def lines(self, count: int) -> list[str]:
        return [line("GET", f"{self.event.path}/queue", token=ticket) for ticket in self.tickets]


class Join(Workload):
    """Every request is a new user."""

    order = "once"
    expected = "201"

    def prepare(self) -> None:
        self.event = Event(self.env, "join", standing(1000), let_in=False, buyers=1)
        self._joined = 0

    def lines(self, count: int) -> list[str]:
        first, self._joined = self._joined, self._joined + count
        header = self.env["ONSALE_USER_HEADER"]
        return [line("POST", f"{self.event.path}/queue", headers=f"{header}: user-{number}")
                for number in range(first, first + count)]


class Hold(Workload):
    """Every request holds one more standing place. A user takes a few one after the other, as `holds_per_user` says."""

    order = "once"
    expected = "201"
    holds_per_user = 4

    def prepare(self) -> None:
        self.event = Event(self.env, "hold", standing(PLACES_MAX), let_in=True, buyers=PLACES_MAX,
                           seats_per_user=self.holds_per_user)
        self._users = 0

    def admit(self, count: int) -> list[str]:
        """Lets further users in; in an event of their own when this one has no places left for them."""
        if (self._users + count) * self.holds_per_user > PLACES_MAX:
            self.prepare()
        first, self._users = self._users, self._users + count
        return self.event.admissions(self.event.join(f"buyer-{number}" for number in range(first, first + count)))

    def lines(self, count: int) -> list[str]:
        admissions = self.admit(-(-count // self.holds_per_user))
        return [line("POST", f"{self.event.path}/holds", token=admission, body=_STANDING)
                for _ in range(self.holds_per_user) for admission in admissions]


class Confirm(Hold):
    """Every request is the first confirmation of a hold of one standing place; 201 comes after PostgreSQL's commit."""

    def lines(self, count: int) -> list[str]:
        owners = [admission for admission in self.admit(-(-count // self.holds_per_user))
                  for _ in range(self.holds_per_user)]
        return [line("POST", f"{self.event.path}/holds/{hold['hold']}/confirm", token=admission, body=_payment(hold))
                for admission, hold in zip(owners, self.event.holds(owners, _STANDING))]


def _payment(hold: dict) -> str:
    return json.dumps({"payment": {"reference": f"pay-{hold['hold']}", "amount": hold["amount"],
                                   "currency": hold["currency"]}}, separators=(",", ":"))


class Map(Workload):
    """Admitted users read the whole map of a hall of 5000 seats."""

    def prepare(self) -> None:
        rows = [{"row": str(row + 1), "seats": 50} for row in range(20)]
        sections = [{"id": name, "name": f"Floor {name}", "amount": 15400, "rows": rows} for name in "ABCDE"]
        buyers = min(self.users, 1000)
        self.event = Event(self.env, "map", sections, let_in=True, buyers=buyers)
        self.admissions = self.event.admissions(self.event.join(f"viewer-{number}" for number in range(buyers)))

    def lines(self, count: int) -> list[str]:
        return [line("GET", f"{self.event.path}/seats", token=admission) for admission in self.admissions]


class MapSince(Map):
    """The same users ask what has changed since the version they have: nothing."""

    def lines(self, count: int) -> list[str]:
        answer = self.event.crowd.ask("GET", f"{self.event.path}/seats", bearer(self.admissions[0]))
        version = json.loads(expect("map", answer, 200))["version"]
        return [line("GET", f"{self.event.path}/seats?since={version}", token=admission)
                for admission in self.admissions]


WORKLOADS: dict[str, Callable[[dict[str, str], int], Workload]] = {
    "empty": Empty, "poll": Poll, "join": Join, "hold": Hold, "confirm": Confirm, "map": Map, "map-since": MapSince,
}
