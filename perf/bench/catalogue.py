"""Which benches there are, and their names as a person may mistype them."""

import difflib

from app.stand.errors import StandError
from perf.bench.burst import Burst
from perf.bench.connections import Connections
from perf.bench.hostile import HostileBench
from perf.bench.idle import Idle
from perf.bench.overload import Overload
from perf.bench.redis_pause import RedisPause
from perf.bench.throughput import Throughput

_ALL = (
    Throughput("empty", "a path that is not there: parsed, routed, answered 404; no Redis", "empty"),
    Throughput("empty-pipelined", "the same, 16 requests at once on a connection", "empty", pipeline=16),
    Throughput("poll", "users who wait ask where they stand", "poll", redis_limit=True, nginx=True),
    Throughput("poll-pipelined", "the same, 16 requests at once on a connection", "poll", pipeline=16),
    Throughput("join", "every request is a new user", "join", first_rate=120_000, redis_limit=True),
    Throughput("hold", "every request holds a standing place; four a user", "hold", first_rate=40_000,
               redis_limit=True),
    Throughput("confirm", "every request pays for a hold; answered after PostgreSQL's commit", "confirm",
               first_rate=30_000, redis_limit=True, copy=True),
    Throughput("map", "the whole map of 5000 seats", "map"),
    Throughput("map-since", "what has changed on the map: nothing", "map-since"),
    Throughput("churn", "polls, a fresh connection for each", "poll", churn=1),
    Throughput("churn-10", "polls, a fresh connection every ten", "poll", churn=10),
    Throughput("cold", "the empty route over 15 000 connections: no socket is warm", "empty", connections=15_000),
    Connections(),
    Idle(),
    Burst(),
    Overload(),
    RedisPause(),
    HostileBench(),
)

BENCHES = {bench.name: bench for bench in _ALL}


def chosen(names: list[str]) -> list:
    """The benches of these names, all when there are none; an unknown name is answered with the likely one."""
    for name in names:
        if name not in BENCHES:
            near = difflib.get_close_matches(name, BENCHES, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(BENCHES)}"
            raise StandError(f"there is no bench {name!r}; {hint}")
    return [BENCHES[name] for name in names] or list(_ALL)
