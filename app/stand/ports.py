"""Loopback ports: finding free ones, and knowing whether somebody answers."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the kernel's ephemeral range (32768 and up): a part that is down for a moment, as in a fault test, cannot lose
# its port to somebody's outgoing connection.
_FIRST, _LAST = 20000, 32000


def is_free(port):
    """True when nobody listens on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return not answers(port)


def answers(port, timeout_s=0.2):
    """True when a connection to the loopback port is accepted."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def free_port(taken=()):
    """A loopback port that is free now and not in `taken`. Another program may still be faster."""
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")
