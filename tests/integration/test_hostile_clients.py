"""The clients that `./dev bench hostile` and the tests of slow clients set on a server do what they say.

Were they fewer, gentler or all at one moment, both would praise a server that nobody had attacked.
"""

import collections
import selectors
import socket
import subprocess
import sys

import pytest
from client import eventually

from app.stand.errors import StandError
from app.stand.paths import ROOT
from app.stand.ports import LOOPBACK, free_port
from perf.bench import hostile_clients
from perf.bench.hostile_clients import HostileProcess, acts_due, mixed


class Victim:
    """A listener on every address that keeps who comes, and cuts them when it is told to."""

    def __init__(self):
        self.kept = []
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=1000)
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut_all()
        self._listener.close()

    def take(self, count):
        """Waits for so many more."""
        self._listener.settimeout(30)
        self.kept += [self._listener.accept()[0] for _ in range(count)]

    def cut_all(self):
        for taken in self.kept:
            taken.close()
        self.kept.clear()


@pytest.fixture
def victim():
    with Victim() as listening:
        yield listening


def url_of(victim, address=LOOPBACK):
    return f"http://{address}:{victim.port}"


def test_no_stretch_of_the_order_is_all_of_one_kind():
    assert mixed({"silent": 4, "resets": 2}) == ["silent", "resets", "silent", "silent", "resets", "silent"]
    order = mixed({"slow_heads": 2500, "half_open": 2500, "floods": 50})
    assert len(order) == 5050
    assert collections.Counter(order[:505]) == {"slow_heads": 250, "half_open": 250, "floods": 5}


def test_the_first_round_is_due_at_once_and_the_next_ones_evenly():
    assert acts_due(1000, since_first_round_s=0.0, step_s=4.0) == 1000
    assert acts_due(1000, since_first_round_s=1.0, step_s=4.0) == 1250
    assert acts_due(1000, since_first_round_s=40.0, step_s=4.0) == 11_000


def test_all_are_connected_when_the_block_begins_and_gone_when_it_ends(victim):
    with HostileProcess(url_of(victim), {"half_open": 300, "silent": 200}) as hostile:
        assert hostile.status.met == 500
        victim.take(500)
    eventually(lambda: all(has_ended(taken) for taken in victim.kept), what="nobody left")


def has_ended(taken):
    """Reads what is there; true at the end."""
    taken.setblocking(False)
    try:
        while taken.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def test_they_go_to_as_many_addresses_as_they_were_told(victim):
    with HostileProcess(url_of(victim, "127.0.2.1"), {"silent": 200}, spread=5):
        victim.take(200)
        met = collections.Counter(taken.getsockname()[0] for taken in victim.kept)
    assert met == {f"127.0.2.{last}": 40 for last in range(1, 6)}


def test_who_is_cut_is_counted_and_comes_again(victim):
    with HostileProcess(url_of(victim), {"half_open": 30, "silent": 20}, step_s=0.1) as hostile:
        victim.take(50)
        victim.cut_all()
        victim.take(50)
        eventually(lambda: hostile.status.cut == {"half_open": 30, "silent": 20}, what="all cuts counted")
        eventually(lambda: hostile.status.opened == 100, what="all are back")


def received(victim, enough):
    """What each of the kept has sent, once `enough` says so of all."""
    sent = {taken: b"" for taken in victim.kept}
    with selectors.DefaultSelector() as selector:
        for taken in sent:
            selector.register(taken, selectors.EVENT_READ)
        while not all(enough(data) for data in sent.values()):
            ready = selector.select(30)
            assert ready, "they have fallen silent"
            for key, _ in ready:
                chunk = key.fileobj.recv(65536)
                assert chunk, "one has closed"
                sent[key.fileobj] += chunk
    return list(sent.values())


@pytest.mark.parametrize("kind, sign", [("slow_heads", b"a"), ("slow_bodies", b"{")])
def test_a_slow_one_sends_a_byte_a_step_and_never_ends_its_request(victim, kind, sign):
    first = hostile_clients.KINDS[kind].first
    with HostileProcess(url_of(victim), {kind: 20}, step_s=0.1):
        victim.take(20)
        for sent in received(victim, lambda data: len(data) >= len(first) + 3):
            assert sent.startswith(first) and set(sent[len(first):]) == set(sign)


def test_a_reset_is_a_reset_and_no_close(victim):
    with HostileProcess(url_of(victim), {"half_resets": 20}, step_s=0.1):
        victim.take(20)
        for taken in victim.kept:
            assert taken.recv(65536) == hostile_clients.KINDS["half_resets"].first
            with pytest.raises(ConnectionResetError):
                taken.recv(65536)


def test_a_server_that_is_not_there_is_no_attacked_server(monkeypatch):
    monkeypatch.setattr(hostile_clients, "CONNECT_S_MAX", 0.2)
    with pytest.raises(StandError, match="of 10 hostile clients, 0 were connected"):
        with HostileProcess(f"http://{LOOPBACK}:{free_port()}", {"silent": 10}):
            pass


@pytest.mark.parametrize("words, complaint", [
    (["slow_haeds=5"], "'slow_haeds=5' is not KIND=COUNT; there are silent, slow_heads"),
    (["silent"], "'silent' is not KIND=COUNT"),
    (["silent=10000000"], "files a process may open"),
])
def test_what_cannot_be_played_is_refused_with_what_can(words, complaint):
    done = subprocess.run([sys.executable, "-m", "perf.bench.hostile_clients", "http://127.0.0.1:1", *words], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 2 and complaint in done.stderr, done.stderr
