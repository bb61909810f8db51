"""What Kafka was told, as a consumer reads it: by kcat, from the beginning, de-duplicated by ce_id."""

import dataclasses
import json
import subprocess

from client import eventually

ANNOUNCED_S_MAX = 60.0
_NOT_YET = ("Unknown topic or partition", "Leader not available")  # of a topic that is being created


@dataclasses.dataclass
class Message:
    topic: str
    partition: int
    key: str
    headers: dict
    data: dict

    @property
    def id(self):
        return self.headers["ce_id"]

    @property
    def type(self):
        return self.headers["ce_type"]


def read_topic(brokers, topic):
    """All messages of a topic, partition by partition in their order, duplicates included. The first one creates it."""
    done = subprocess.run(["kcat", "-C", "-q", "-e", "-J", "-b", brokers, "-t", topic, "-o", "beginning",
                           "-X", "broker.address.family=v4"], capture_output=True, text=True, timeout=60)
    if done.returncode != 0 and any(word in done.stderr for word in _NOT_YET):
        return []
    assert done.returncode == 0, done.stderr
    return [parse_message(line) for line in done.stdout.splitlines() if line]


def parse_message(line):
    said = json.loads(line)
    pairs = said.get("headers") or []
    return Message(said["topic"], said["partition"], said["key"], dict(zip(pairs[::2], pairs[1::2])),
                   json.loads(said["payload"]))


def of_event(messages, event):
    return [message for message in messages if message.headers["ce_source"].endswith(f"/{event}")]


def once(messages):
    """What is left when a consumer drops the ids it has seen; a repetition must say the same."""
    seen = {}
    for message in messages:
        first = seen.setdefault(message.id, message)
        assert (first.type, first.key, first.data) == (message.type, message.key, message.data), (first, message)
    return list(seen.values())


def announced(brokers, topic, event, complete):
    """The de-duplicated messages of an event, as soon as `complete(messages)` is true."""
    def look():
        found = once(of_event(read_topic(brokers, topic), event))
        return found if complete(found) else None

    return eventually(look, ANNOUNCED_S_MAX, every_s=0.3, what=f"{topic} of {event}")
