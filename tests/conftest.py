"""What tests share: where the tree is, the stand of a session, an event of one's own, and readers of the record.

The session's stand serves all of tests/integration; each test makes its own event. Tests of tests/fault break their
servers and therefore start stands of their own (`own_stand`). ONSALE_TEST_KAFKA (embedded, real or none) chooses
the broker of the session's stand.
"""

import os
import pathlib
import resource
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from record import Record  # noqa: E402
from sale import Sale  # noqa: E402

from app.stand import Stand  # noqa: E402

FILES_MAX_WANTED = 8192  # a thousand buyers, each with a connection, on both sides


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: small and telling enough to run again under ASan and UBSan")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX_WANTED if hard == resource.RLIM_INFINITY else min(FILES_MAX_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.fixture(scope="session")
def stand():
    """The servers of a session: never broken, never reconfigured."""
    with Stand.temporary(workers=2, kafka=os.environ.get("ONSALE_TEST_KAFKA", "embedded")) as started:
        yield started


@pytest.fixture
def own_stand():
    """Starts stands that a test may break; all are stopped when it ends."""
    stands = []

    def start(**how):
        stands.append(Stand.temporary(**{"workers": 2, "kafka": "none", **how}))
        return stands[-1].start()

    yield start
    for started in stands:
        started.stop()


@pytest.fixture
def sale(stand):
    """An event id nobody else uses, not yet created."""
    return Sale(stand.env)


@pytest.fixture
def record(stand):
    """What PostgreSQL knows."""
    with Record(stand.env["ONSALE_PG_DSN"]) as opened:
        yield opened
