"""Kafka, in three kinds: the real broker on a JVM, an embedded stand-in without one, or none.

All three answer `brokers` (bootstrap servers, "" for none), `kind` and `sentence`, which every output shows, so nobody
takes the stand-in for the real thing.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import uuid

from app.stand.errors import KafkaUnavailable, StandError
from app.stand.paths import BUILD, STAND
from app.stand.ports import LOOPBACK, answers
from app.stand.processes import Service
from app.stand.workers import run_program

KINDS = ("real", "embedded", "none")

_JARS = BUILD / "kafka-libs"
_POM = STAND / "kafka" / "pom.xml"
_MAVEN_TIMEOUT_S = 600


class NoKafka:
    """Orders are recorded and announced to nobody."""

    kind = "none"
    sentence = "no Kafka: nothing is announced"
    brokers = ""
    name = "kafka"
    running = False
    pid = None

    def launch(self):
        pass

    def wait_ready(self, timeout_s=None):
        pass

    def start(self, timeout_s=None):
        pass

    def stop(self):
        return None

    def kill9(self):
        return None


class EmbeddedKafka(Service):
    """librdkafka's mock cluster in a small process of the project. It forgets everything when it stops."""

    kind = "embedded"
    sentence = "Kafka is the embedded stand-in (librdkafka's mock cluster, no JVM)"

    def __init__(self, nursery, folder, build):
        super().__init__("kafka", nursery, folder.log("kafka"))
        self._program = build / "onsale-kafka-embedded"
        self._brokers_file = folder.path("kafka-embedded", "brokers")

    @property
    def brokers(self):
        return self._brokers_file.read_text(encoding="ascii").strip()

    def prepare(self):
        self._brokers_file.parent.mkdir(parents=True, exist_ok=True)
        self._brokers_file.unlink(missing_ok=True)

    def command(self):
        return [self._program, "--file", self._brokers_file]

    def is_ready(self):
        return self._brokers_file.exists() and self.brokers != ""


class RealKafka(Service):
    """Apache Kafka in KRaft mode: one node that is broker and controller, with a small heap."""

    kind = "real"
    sentence = "Kafka is Apache Kafka 3.9 (KRaft, on the JVM)"
    start_timeout_s = 90.0

    def __init__(self, nursery, folder, port, controller_port):
        super().__init__("kafka", nursery, folder.log("kafka"))
        self.port = port
        self._controller_port = controller_port
        self._home = folder.path("kafka")

    @property
    def brokers(self):
        return f"{LOOPBACK}:{self.port}"

    def prepare(self):
        fetch_jars()
        self._home.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(self._render_properties(), encoding="utf-8")
        self._logging.write_text(_LOGGING, encoding="utf-8")
        if not (self._home / "log" / "meta.properties").exists():
            self._format()

    def command(self):
        # The serial collector and the first compiler alone start fastest and leave the cores to onsaled.
        return [*self._java(), "-Xms96m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dkafka.logs.dir={self._home}", "kafka.Kafka", self._properties]

    def is_ready(self):
        return "Kafka Server started" in self.log_tail(400) and answers(self.port)

    @property
    def _properties(self):
        return self._home / "server.properties"

    @property
    def _logging(self):
        return self._home / "log4j.properties"

    def _java(self):
        return ["java", "-cp", f"{_JARS}/*", "-Djava.awt.headless=true", f"-Dlog4j.configuration=file:{self._logging}",
                # Native libraries are unpacked here: /tmp may be mounted noexec.
                f"-DZstdTempFolder={self._home}", f"-Dorg.xerial.snappy.tempdir={self._home}"]

    def _format(self):
        # A cluster id that starts with "-" would read as an option.
        cluster = "o" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        done = subprocess.run([*self._java(), "kafka.tools.StorageTool", "format", "-t", cluster,
                               "-c", str(self._properties)], capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise StandError(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")

    def _render_properties(self):
        return _PROPERTIES.format(host=LOOPBACK, port=self.port, controller=self._controller_port, home=self._home)


def fetch_jars(say=lambda text: None):
    """Takes the broker's jars from Maven's registry into the build folder, once; KafkaUnavailable says why not."""
    stamp = _JARS / ".pom-sha256"
    wanted = hashlib.sha256(_POM.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    for program, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise KafkaUnavailable(f"Apache Kafka needs the program {program} (package {package})")
    say("Fetching Apache Kafka's jars by Maven (once, about 40 MB)")
    partial = _JARS.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _copy_jars(partial)
    (partial / stamp.name).write_text(wanted, encoding="ascii")
    shutil.rmtree(_JARS, ignore_errors=True)
    os.rename(partial, _JARS)


def _copy_jars(target):
    # The goal with its version: a plugin looked up by its short name fails without saying why.
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(_POM),
               "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime",
               f"-DoutputDirectory={target}"]
    try:
        done = run_program(command, text=True, timeout_s=_MAVEN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable(f"Maven did not fetch Apache Kafka within {_MAVEN_TIMEOUT_S} s") from None
    if done.returncode != 0:
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        errors = [line for line in output.splitlines() if "[ERROR]" in line]
        raise KafkaUnavailable("Maven cannot fetch Apache Kafka: " + (errors[0] if errors else "no reason given"))


_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={home}/log
num.partitions=6
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# A killed broker may come back once its former self has timed out: 9 s by default.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""

_LOGGING = """\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
"""
