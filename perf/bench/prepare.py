#!/usr/bin/python3
"""Writes the requests of a bench for a server that runs already: for onsale-load, or for wrk with the scripts of
perf/wrk. It makes an event of its own and brings as many buyers as far as the requests need.

Where the server is, it reads from the environment, as `./dev up` writes it to data/env: ONSALE_URL, ONSALE_OPS_URL,
ONSALE_ADMIN_TOKEN, ONSALE_USER_HEADER.
"""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from perf.bench.buyers import Refused  # noqa: E402
from perf.bench.workloads import WORKLOADS  # noqa: E402

_NEEDED = ("ONSALE_URL", "ONSALE_OPS_URL", "ONSALE_ADMIN_TOKEN")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--file", required=True, help="where to write the requests")
    parser.add_argument("--count", type=int, default=100_000,
                        help="requests, where each is sent once: join, hold, confirm (default: 100000)")
    parser.add_argument("--users", type=int, default=10_000,
                        help="different users, where requests are repeated: poll, map, map-since (default: 10000)")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        sys.exit(f"prepare.py: not set: {', '.join(missing)}; with ./dev up running: set -a; . data/env; set +a")
    env = {"ONSALE_USER_HEADER": "Onsale-User", **os.environ}
    try:
        workload = WORKLOADS[options.workload](env, options.users)
        lines = workload.lines(options.count)
    except (Refused, OSError) as error:
        sys.exit(f"prepare.py: {error}")
    pathlib.Path(options.file).write_text("".join(line + "\n" for line in lines), encoding="ascii")
    print(f"{len(lines)} requests in {options.file}; --order {workload.order} --expect {workload.expected}")


if __name__ == "__main__":
    main()
