"""One patient client beside a load: asks the same again and again and remembers when what was answered.

It tells when a server is well again to a few milliseconds, which the load's own timeline by the second does not.
"""

import dataclasses
import http.client
import threading
import time

_EVERY_S = 0.005
_TIMEOUT_S = 10.0
SUCCESSIVE = 20  # good answers in a row that make a server well


@dataclasses.dataclass(frozen=True)
class Answer:
    asked_s: float  # time.monotonic()
    answered_s: float
    status: int  # 0: no answer, the connection broke


class Probe:
    """`with Probe(...) as probe`: asks until the end. Owns its thread and its connection."""

    def __init__(self, port: int, method: str, path: str, headers: dict[str, str], body: str | None = None):
        self._port = port
        self._request = (method, path, body, headers)
        self._answers: list[Answer] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_until_ended)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def recovered_s(self, since_s: float, status: int) -> float | None:
        """After it has ended: how long after `since_s` all was well; None when it never was."""
        return recovered_s(self._answers, since_s, status)

    def _ask_until_ended(self) -> None:
        connection = None
        while not self._ended.wait(_EVERY_S):
            asked_s = time.monotonic()
            connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
            status = self._ask(connection)
            self._answers.append(Answer(asked_s, time.monotonic(), status))
            if status == 0:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> int:
        try:
            connection.request(*self._request)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0


def recovered_s(answers: list[Answer], since_s: float, status: int, successive: int = SUCCESSIVE) -> float | None:
    """From `since_s` to the answer that begins a row of `successive` good ones; None when there is no such row."""
    row = 0
    later = [answer for answer in answers if answer.answered_s >= since_s]
    for at, answer in enumerate(later):
        row = row + 1 if answer.status == status else 0
        if row == successive:
            return later[at - successive + 1].answered_s - since_s
    return None
