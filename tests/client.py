"""HTTP/1.1 as black-box tests need it: standard library only, nothing repaired, nothing retried behind a test's back.

`parse_reply` is the one reader of answers. Over it stand three clients: `Http` (blocking, keep-alive), `AsyncHttp` (one
keep-alive connection in an event loop, light enough for a thousand of them beside the server on two cores) and `Raw`
(bytes out, answers in, for hostile streams). Each owns its socket; none is shared between threads.
"""

import asyncio
import contextlib
import dataclasses
import json
import select
import socket
import time
import urllib.parse

ANSWER_S_MAX = 30.0  # generous: a test machine may be busy; a server that needs it fails other tests


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict  # names in lower case; a repeated name keeps its last value, Set-Cookie is in `cookies`
    body: bytes
    cookies: list

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The contract's machine word of a problem, None of anything else."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return None
        return self.json().get("code")

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"

    def __str__(self):
        return f"{self.status} {self.body[:400].decode(errors='replace')}"


class BrokenAnswer(Exception):
    """The server sent something that is not an HTTP/1.1 answer of the kind the contract allows."""


def parse_reply(data, method="GET"):
    """The first whole answer in `data` and its length in bytes, or None while it is not whole yet."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    lines = bytes(data[:head_end]).decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if version != "HTTP/1.1" or not rest[:3].isdigit():
        raise BrokenAnswer(f"status line {lines[0]!r}")
    status, headers, cookies = int(rest[:3]), {}, []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise BrokenAnswer(f"header line {line!r}")
        if name.lower() == "set-cookie":
            cookies.append(value.strip())
        headers[name.lower()] = value.strip()
    length = 0 if method == "HEAD" or status in (204, 304) or status < 200 else int(headers["content-length"])
    end = head_end + 4 + length
    if len(data) < end:
        return None
    return Reply(status, headers, bytes(data[head_end + 4:end]), cookies), end


def render_request(host, method, path, headers=None, body=None):
    """A request as bytes. `body` may be bytes, or anything else, which is sent as JSON."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    payload = b""
    if body is not None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        if not headers or not any(name.lower() == "content-type" for name in headers):
            lines.append("Content-Type: application/json")
    if body is not None or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(payload)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + payload


def host_and_port(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


class Http:
    """Blocking, keep-alive, one request at a time. A connection the server closed while idle is opened again."""

    def __init__(self, url):
        self._address = host_and_port(url)
        self._host = "%s:%d" % self._address
        self._socket = None

    def request(self, method, path, headers=None, body=None):
        if self._socket is None or self._closed_meanwhile():
            self.close()
            self._socket = socket.create_connection(self._address, timeout=ANSWER_S_MAX)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(render_request(self._host, method, path, headers, body))
        return self._receive(method)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _closed_meanwhile(self):
        readable, _, _ = select.select([self._socket], [], [], 0)
        try:
            return bool(readable) and self._socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _receive(self, method):
        data = bytearray()
        while True:
            chunk = self._socket.recv(65536)
            if not chunk:
                self.close()
                raise ConnectionError(f"closed after {bytes(data[:200])!r}")
            data += chunk
            parsed = parse_reply(data, method)
            if parsed and parsed[0].status >= 200:
                if parsed[0].closes:
                    self.close()
                return parsed[0]


class AsyncHttp:
    """One keep-alive connection of an event loop; one request at a time. Reconnects only when asked again."""

    def __init__(self, url):
        self._address = host_and_port(url)
        self._host = "%s:%d" % self._address
        self._stream = None

    async def request(self, method, path, headers=None, body=None):
        stream = await self._connected()
        try:
            return await asyncio.wait_for(stream.ask(method, render_request(self._host, method, path, headers, body)),
                                          ANSWER_S_MAX)
        except asyncio.TimeoutError:
            self.close()
            raise

    async def send_and_vanish(self, method, path, headers=None, body=None):
        """Sends the request and closes without reading: the answer is lost."""
        stream = await self._connected()
        stream.transport.write(render_request(self._host, method, path, headers, body))
        self.close()

    def close(self):
        if self._stream is not None:
            self._stream.transport.close()
            self._stream = None

    async def _connected(self):
        loop = asyncio.get_running_loop()
        if self._stream is None or not self._stream.usable(loop):
            connecting = loop.create_connection(lambda: _Stream(loop), *self._address)
            _, self._stream = await asyncio.wait_for(connecting, ANSWER_S_MAX)
        return self._stream


class _Stream(asyncio.Protocol):
    """One connection of an AsyncHttp; ends with the loop that made it."""

    def __init__(self, loop):
        self.transport = None
        self._loop = loop
        self._data = bytearray()
        self._waiter = None
        self._method = "GET"
        self._open = True

    def usable(self, loop):
        return self._open and self._loop is loop

    def ask(self, method, request):
        self._waiter = self._loop.create_future()
        self._method = method
        self.transport.write(request)
        return self._waiter

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self._data += data
        try:
            parsed = parse_reply(self._data, self._method)
        except BrokenAnswer as broken:
            return self._deliver(broken)
        if parsed:
            reply, length = parsed
            del self._data[:length]
            if reply.closes:
                self._open = False
                self.transport.close()
            self._deliver(reply)

    def connection_lost(self, error):
        self._open = False
        self._deliver(error or ConnectionError("closed by the server"))

    def _deliver(self, outcome):
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, Reply):
            waiter.set_result(outcome)
        else:
            waiter.set_exception(outcome)


class Raw:
    """Bytes out, answers in."""

    def __init__(self, url, timeout_s=ANSWER_S_MAX):
        self._socket = socket.create_connection(host_and_port(url), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data, pieces=1, pause_s=0.0):
        """Sends `data`, cut into `pieces`; a peer that has closed already is no error of the sender."""
        size = max(1, (len(data) + pieces - 1) // pieces)
        try:
            for at in range(0, len(data), size):
                self._socket.sendall(data[at:at + size])
                if pause_s:
                    time.sleep(pause_s)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def half_close(self):
        """Ends our side; a peer that has closed already is no error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with RST instead of FIN."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._socket.close()

    def read_until_closed(self):
        """Everything until the server closes; raises TimeoutError when it does not."""
        data = bytearray()
        while True:
            try:
                chunk = self._socket.recv(65536)
            except ConnectionResetError:
                return bytes(data)
            if not chunk:
                return bytes(data)
            data += chunk

    def read_replies(self, count, method="GET"):
        """Exactly `count` answers; fewer when the server closes before."""
        data, replies = bytearray(), []
        while len(replies) < count:
            parsed = parse_reply(data, method)
            if parsed:
                replies.append(parsed[0])
                del data[:parsed[1]]
                continue
            chunk = self._socket.recv(65536)
            if not chunk:
                break
            data += chunk
        return replies


def replies_in(data):
    """All whole answers in `data`."""
    replies = []
    while parsed := parse_reply(data):
        replies.append(parsed[0])
        data = data[parsed[1]:]
    return replies


def answers_to(data, methods):
    """All answers in `data`, without the wishes for a body; `methods` says which have no body."""
    answers = []
    while parsed := parse_reply(data, methods[len(answers)] if len(answers) < len(methods) else "GET"):
        data = data[parsed[1]:]
        if parsed[0].status >= 200:
            answers.append(parsed[0])
    assert not data, data
    return answers


def eventually(judge, deadline_s=30.0, every_s=0.05, what="condition"):
    """Polls `judge` until it answers something true, and returns that. The deadline is for broken servers only."""
    end = time.monotonic() + deadline_s
    while True:
        answer = judge()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {deadline_s} s; last answer {answer!r}")
        time.sleep(every_s)
