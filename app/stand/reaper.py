"""The reaper: a small process that outlives its parent by seconds and takes what the parent started with it.

It reads lines from standard input, `watch PID START SIGNAL`, `forget PID` and `remove FOLDER`; START is the process's
start time from /proc, so a reused pid is never signalled. Standard input ends when the parent closes it or dies,
however it dies (kill -9 too): then every process group still watched gets its signal, and after a grace SIGKILL, and
the folders are deleted.
Why not PR_SET_PDEATHSIG: it fires when the *thread* that forked ends, and tests start parts from threads.
The parent's lock of the data folder is inherited as an open file, so the folder stays locked until all is down.
"""

import os
import shutil
import signal
import sys
import time

GRACE_S = 8.0


def start_time(pid):
    """The process's start time in clock ticks since boot, or None when there is no such process or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def send(pid, signal_number):
    """Signals the process group of `pid`; one that is gone is fine."""
    try:
        os.killpg(pid, signal_number)
    except (ProcessLookupError, PermissionError):
        pass


def read_orders(lines):
    """Follows the parent's orders until it is gone; returns what is left: {pid: (start, signal)}, [folder]."""
    watched, folders = {}, []
    for line in lines:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "watch":
            pid, start, stop_signal = map(int, rest.split())
            watched[pid] = (start, stop_signal)
        elif verb == "forget":
            watched.pop(int(rest), None)
        elif verb == "remove":
            folders.append(rest)
    return watched, folders


def alive(watched):
    return [pid for pid, (start, _) in watched.items() if start_time(pid) == start]


def bury(watched, grace_s=GRACE_S):
    """Asks every living process to stop, waits, then kills."""
    for pid in alive(watched):
        send(pid, watched[pid][1])
    deadline = time.monotonic() + grace_s
    while alive(watched) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in alive(watched):
        send(pid, signal.SIGKILL)


def remove(folder, grace_s=GRACE_S):
    """Deletes the folder; again while somebody writes there who is ending, a program of one that was watched."""
    deadline = time.monotonic() + grace_s
    shutil.rmtree(folder, ignore_errors=True)
    while os.path.exists(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched, folders = read_orders(sys.stdin)
    bury(watched)
    for folder in folders:
        remove(folder)


if __name__ == "__main__":
    main()
