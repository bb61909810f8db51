"""What went wrong, in words for a person."""


class StandError(Exception):
    """A part could not do what was asked. The message is complete: what, why, and the end of the log where it tells."""


class KafkaUnavailable(StandError):
    """Apache Kafka's jars cannot be had here (no registry, no JVM). Tests fall back to the embedded stand-in."""
