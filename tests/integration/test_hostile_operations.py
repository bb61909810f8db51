"""The table of hostile HTTP (hostile/vectors.txt) against the operations listener, whose parser is another.

The calls of the table become probes, so that what is accepted is served and its body read. The answers are those of the
public listener, but for what `DIFFERENT` explains.
"""

import contextlib
import re

import pytest
from client import Http, Raw, answers_to, replies_in
from hostile.vectors import check_each, load

CLOSE_S_MAX = 20.0
GOOD = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
SERVED = re.compile(rb"(GET|POST) /v1/[xy] ")
CONNECTIONS_MAX = 128  # OperationsSettings

STAYS, CLOSES = False, True
NEXT = (200, STAYS)
CHUNKS_ARE_READ = [(200, STAYS), NEXT]
DIFFERENT = {
    "chunked: sound, and not taken; nobody who speaks to us needs it": CHUNKS_ARE_READ,
    "chunked in capitals": CHUNKS_ARE_READ,
    "chunked without a blank behind the colon": CHUNKS_ARE_READ,
    "chunked with a tab around it": CHUNKS_ARE_READ,
    "a coding of a request without a body": CHUNKS_ARE_READ,
    "an upgrade and a coding": CHUNKS_ARE_READ,
    # Beast takes tabs off both ends, as the RFC has it; llhttp does not.
    "a tab behind a length is allowed, and not taken: llhttp knows only blanks there": [(200, STAYS), NEXT],
    # To Beast it is a number, and one that is too large.
    "a length at the end of signed numbers of 64 bits": [(413, CLOSES)],
    # To Beast an option of Connection must be a token.
    "close with a parameter is not close": [(400, CLOSES)],
    # This listener keeps no connection of HTTP/1.0.
    "HTTP/1.0 stays when asked to": [(200, CLOSES)],
    "an HTTP/1.0 body has its length, too": [(200, CLOSES)],
}


def wanted_of(vector):
    """Status of each answer, and whether it ends the connection."""
    if vector.name in DIFFERENT:
        return DIFFERENT[vector.name]
    wanted = []
    for request in vector.requests:
        line = f"{request.method} {request.target} ".encode()
        served = SERVED.fullmatch(line) is not None and line in vector.data  # as it is, not in the absolute form
        last = len(wanted) == len(vector.requests) - 1
        wanted.append((200 if served else 404, last and vector.end == "closes"))
        if request.body and not served:  # refused by its head: nobody reads the body
            return [*wanted[:-1], (404, CLOSES)]
    if vector.end == "refuse":
        wanted.append((400 if vector.status == 501 else vector.status, CLOSES))
    return [*wanted, NEXT] if vector.end == "open" else wanted


def check_vector(stand, vector, pieces):
    data = SERVED.sub(b"GET /livez ", vector.data)
    with Raw(stand.env["ONSALE_OPS_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(GOOD + data + (b"" if vector.end == "waits" else GOOD), pieces)
        raw.half_close()
        answers = answers_to(raw.read_until_closed(), ["GET"] + [request.method for request in vector.requests])
    assert [(answer.status, answer.closes) for answer in answers] == [NEXT, *wanted_of(vector)]


@pytest.mark.sanitized
@pytest.mark.parametrize("pieces", [1, 7, 100_000], ids=["whole", "in pieces", "byte by byte"])
def test_the_operations_listener_reads_every_stream_as_the_public_one_does(stand, pieces):
    check_each(lambda vector: check_vector(stand, vector, pieces))


def test_every_difference_is_about_a_line_of_the_table():
    assert DIFFERENT.keys() <= {vector.name for vector in load()}


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"xchunked\r\nContent-Length: 40"])
def test_nothing_is_administered_behind_a_request_whose_end_is_not_known(stand, coding):
    bearer = b"Host: a\r\nAuthorization: Bearer " + stand.env["ONSALE_ADMIN_TOKEN"].encode() + b"\r\n"
    smuggled = b"GET /admin/v1/events HTTP/1.1\r\n" + bearer + b"\r\n"
    with Raw(stand.env["ONSALE_OPS_URL"], timeout_s=CLOSE_S_MAX) as raw:
        raw.send(b"POST /admin/v1/events/x/open HTTP/1.1\r\n" + bearer + b"Transfer-Encoding: " + coding + b"\r\n\r\n"
                 + smuggled)
        replies = replies_in(raw.read_until_closed())
    assert [(reply.status, reply.closes) for reply in replies] == [(400, True)]


def test_silent_connections_keep_no_probe_away(stand):
    with contextlib.ExitStack() as silence:
        silent = [silence.enter_context(Raw(stand.env["ONSALE_OPS_URL"])) for _ in range(2 * CONNECTIONS_MAX)]
        for each in silent[::2]:
            each.send(b"GET /livez HTTP/1.1\r\nX: ")
        for _ in range(CONNECTIONS_MAX):
            probe = Http(stand.env["ONSALE_OPS_URL"])
            assert probe.request("GET", "/readyz").status == 200
            probe.close()
        assert silent[0].read_until_closed() == b"", "the oldest made room"
