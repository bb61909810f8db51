"""What tests of hostile clients ask beside the answers: whom the server has cut, what the kernel holds for it, and its
other clients."""

import re
import subprocess
import threading

from client import Http

_BETWEEN_S = 0.01  # a neighbour is a client, not a load


def cut(stand, cause: str) -> float:
    """How many connections the server has ended for this cause."""
    return stand.server.metrics()[f'http_connections_cut_total{{cause="{cause}"}}']


def unsent_kib(port: int) -> list[float]:
    """What the kernel holds of unsent bytes for each connection to this port that has any."""
    shown = subprocess.run(["ss", "-Htnm", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return [int(held) / 1024 for held in re.findall(r"skmem:\(\S*?,w([1-9]\d*),", shown)]


class Unbroken(Http):
    """A connection that is never opened twice."""

    def _closed_meanwhile(self):
        assert not super()._closed_meanwhile(), "a good client's connection was closed"
        return False


class Neighbours:
    """Good clients, each with one connection that must last, asking for as long as the block lasts."""

    def __init__(self, stand, count: int):
        self.answered = [0] * count
        self._url = stand.env["ONSALE_URL"]
        self._complaints = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def check(self):
        """Everybody was answered, well, and more than once."""
        assert not self._complaints, self._complaints[:3]
        assert all(count > 1 for count in self.answered), self.answered

    def _ask(self, number):
        http = Unbroken(self._url)
        try:
            while not self._over.wait(_BETWEEN_S):
                reply = http.request("GET", "/v1/events")
                if reply.status != 200:
                    self._complaints.append(str(reply))
                self.answered[number] += 1
        except (AssertionError, OSError) as error:
            self._complaints.append(repr(error))
        finally:
            http.close()
