#!/usr/bin/python3
"""Brings an event and its buyers as far as one of the wrk scripts needs, and writes what the script reads.

The file (ONSALE_WRK_FILE or --file): the event's id, then a line a user or hold, fields split by tabs:
  join     nothing more
  poll     ticket                            of users who wait (one at a time is let in)
  hold     admission                         of admitted users
  confirm  ticket, hold, amount, currency    one line a hold of one standing place
"""

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

CONNECTIONS = 32
SEATS_PER_USER = 64  # the most that the server allows


class Refused(Exception):
    """The server answered something else than what the preparation needs."""


class Client:
    """One kept HTTP connection; a request at a time."""

    def __init__(self, url):
        self._address = urllib.parse.urlsplit(url)
        self._reader = self._writer = None

    async def ask(self, method, path, headers=None, body=None):
        """(status, the JSON answer or None). The server closes what idles; a request that meets that is sent again."""
        for attempt in range(2):
            try:
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection(self._address.hostname,
                                                                               self._address.port)
                return await self._exchange(method, path, headers or {}, body)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                if attempt == 1:
                    raise

    def close(self):
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchange(self, method, path, headers, body):
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._address.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        answer = await self._reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split(" ")[1]), json.loads(answer) if answer else None


class Preparation:
    """An event made for one script, and the users it needs."""

    def __init__(self, options):
        self.options = options
        self.event = f"wrk-{options.script}-{int(time.time() * 1000)}"
        self.path = f"/v1/events/{self.event}"
        self._free_clients = None

    def create_event(self):
        let_in = self.options.script in ("hold", "confirm")
        users = max(self.options.users, 1)
        definition = {
            "name": "wrk", "venue": "Hall 1", "currency": "KRW",
            "opens_at": _instant(3600), "closes_at": _instant(86400),
            "sections": [{"id": "GA", "name": "Standing", "amount": 9900, "general": users * SEATS_PER_USER}],
            "admission": {"rate_per_s": 100_000 if let_in else 1, "active_max": users if let_in else 1,
                          "active_ttl_s": 7200, "orders_per_admission": 1000},
            "holds": {"ttl_s": 7200, "extensions": 0, "seats_per_user": SEATS_PER_USER, "release_window_s": 0},
        }
        self._operate("PUT", "", definition)
        self._operate("POST", "/warm", {})
        self._operate("POST", "/open", {})

    async def users(self):
        """(ticket, admission or None) of every user."""
        users = [f"prepared-{number}" for number in range(self.options.users)]
        tickets = await self._each(users, self._join)
        if self.options.script == "poll":
            return [(ticket, None) for ticket in tickets]
        return await self._each(tickets, self._wait_for_admission)

    async def holds(self, users):
        wanted = self.options.holds
        owners = [users[number % len(users)] for number in range(wanted)]
        return await self._each(owners, self._hold)

    async def _each(self, items, work):
        """Runs work(client, item) over all items, as many at once as there are connections; answers in order."""
        if self._free_clients is None:
            self._free_clients = asyncio.Queue()
            for _ in range(CONNECTIONS):
                self._free_clients.put_nowait(Client(self.options.url))

        async def one(item):
            client = await self._free_clients.get()
            try:
                return await work(client, item)
            finally:
                self._free_clients.put_nowait(client)

        return await asyncio.gather(*(one(item) for item in items))

    async def _join(self, client, user):
        status, answer = await client.ask("POST", f"{self.path}/queue", {self.options.user_header: user}, {})
        return _expect(status, (200, 201), "join", answer)["ticket"]

    async def _wait_for_admission(self, client, ticket):
        for _ in range(300):
            status, answer = await client.ask("GET", f"{self.path}/queue", _bearer(ticket))
            if _expect(status, (200,), "poll", answer)["state"] == "admitted":
                return ticket, answer["admission"]
            await asyncio.sleep(0.1)
        raise Refused("a user was not let in within 30 seconds")

    async def _hold(self, client, user):
        ticket, admission = user
        status, answer = await client.ask("POST", f"{self.path}/holds", _bearer(admission),
                                          {"section": "GA", "quantity": 1})
        hold = _expect(status, (201,), "hold", answer)
        return ticket, hold["hold"], str(hold["amount"]), hold["currency"]

    def _operate(self, method, call, body):
        request = urllib.request.Request(f"{self.options.ops_url}/admin/v1/events/{self.event}{call}", method=method,
                                         data=json.dumps(body).encode(), headers=_bearer(self.options.admin_token))
        request.add_header("Content-Type", "application/json")
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {request.full_url}: {error.code} {error.read().decode()}") from error


def _instant(seconds_from_now):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + seconds_from_now))


def _bearer(token):
    return {"Authorization": f"Bearer {token}"}


def _expect(status, statuses, what, answer):
    if status not in statuses:
        raise Refused(f"{what}: {status} {answer}")
    return answer


async def prepare(preparation):
    script = preparation.options.script
    if script == "join":
        return []
    users = await preparation.users()
    if script == "poll":
        return [(ticket,) for ticket, _ in users]
    if script == "hold":
        return [(admission,) for _, admission in users]
    return await preparation.holds(users)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    environment = os.environ.get
    parser.add_argument("script", choices=("join", "poll", "hold", "confirm"))
    parser.add_argument("--users", type=int, help="default 1000; for confirm as many as the holds need")
    parser.add_argument("--holds", type=int, default=10_000, help="for confirm")
    parser.add_argument("--file", default=environment("ONSALE_WRK_FILE"))
    parser.add_argument("--url", default=environment("ONSALE_URL"))
    parser.add_argument("--ops-url", default=environment("ONSALE_OPS_URL"))
    parser.add_argument("--admin-token", default=environment("ONSALE_ADMIN_TOKEN"))
    parser.add_argument("--user-header", default=environment("ONSALE_USER_HEADER", "Onsale-User"))
    options = parser.parse_args()
    for name in ("file", "url", "ops_url", "admin_token"):
        if not getattr(options, name):
            parser.error(f"--{name.replace('_', '-')} or its variable is needed; see perf/README.md")
    if options.users is None:
        needed = -(-options.holds // SEATS_PER_USER)
        options.users = needed if options.script == "confirm" else 1000
    return options


def main():
    options = read_options()
    preparation = Preparation(options)
    try:
        preparation.create_event()
        lines = asyncio.run(prepare(preparation))
    except (Refused, OSError) as error:
        sys.exit(f"prepare.py: {error}")
    with open(options.file, "w", encoding="ascii") as file:
        file.write(preparation.event + "\n")
        file.writelines("\t".join(line) + "\n" for line in lines)
    print(f"event {preparation.event}, {len(lines)} lines in {options.file}")


if __name__ == "__main__":
    main()
