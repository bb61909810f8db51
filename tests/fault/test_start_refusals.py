"""What is wrong is said plainly at start, and nothing starts."""

import ctypes
import socket
import struct
import subprocess

import pytest
from client import eventually
from purchases import redis_of

from app.stand import Stand

REFUSED_S_MAX = 30


@pytest.fixture(scope="module")
def backends():
    """Redis and PostgreSQL without onsaled."""
    stand = Stand.temporary(workers=1, kafka="none")
    stand.start_backends()
    yield stand
    stand.stop()


@pytest.fixture
def server(backends):
    """A node with the schema in place, not started; its configuration may be changed."""
    backends.server.migrate()
    backends.server.settings = {}
    yield backends.server
    backends.server.settings = {}
    if backends.server.running:
        backends.server.kill9()


def refusal(server, *arguments, **how):
    """Runs the node, which must end by itself with an error; returns what it said."""
    done = subprocess.run([str(server.program), *(arguments or ("-c", str(server.config_path)))], capture_output=True,
                          text=True, timeout=REFUSED_S_MAX, **how)
    assert done.returncode not in (0, None), done.stdout + done.stderr
    assert done.returncode > 0, f"it crashed: signal {-done.returncode}\n{done.stderr}"
    return done.stdout + done.stderr


def line_of(path, text):
    lines = path.read_text().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if line.startswith(text))


def configured(server, settings):
    server.settings = settings
    server.prepare()
    return server.config_path


@pytest.mark.parametrize("section, key, value, likely", [
    ("server", "prot", 8080, "port"), ("redis", "hots", "127.0.0.1", "host"), ("postgres", "writer", 2, "writers"),
    ("kafka", "broker", "", "brokers"), ("identity", "trusted_proxy", [], "trusted_proxies"),
])
def test_an_unknown_key_names_file_line_and_the_likely_spelling(server, section, key, value, likely):
    path = configured(server, {section: {key: value}})
    for arguments in (("-c", str(path)), ("-t", "-c", str(path))):
        said = refusal(server, *arguments)
        assert str(path) in said and f":{line_of(path, key + ' ')}" in said, said
        assert key in said and f'"{likely}"' in said, said
    assert server.readiness()[0] is None, "nothing started"


def test_an_unknown_section_is_named_too(server):
    path = configured(server, {"sever": {"port": 1}})
    said = refusal(server)
    assert str(path) in said and "sever" in said and "server" in said, said


@pytest.mark.parametrize("section, key, value", [("server", "port", "8080"), ("server", "port", 70000),
                                                 ("server", "port", -1), ("postgres", "writers", 0),
                                                 ("postgres", "writers", 1.5), ("identity", "mode", "guess"),
                                                 ("identity", "trusted_proxies", ["127.0.0.0/99"]),
                                                 ("payments", "mode", "hope"), ("log", "level", "loud"),
                                                 ("tokens", "keys_file", "/nowhere/at/all")])
def test_a_value_that_is_none_names_file_and_key(server, section, key, value):
    path = configured(server, {section: {key: value}})
    said = refusal(server)
    assert str(path) in said and key in said, said


def test_what_is_no_toml_names_the_line(server):
    path = configured(server, {})
    good = path.read_text()
    path.write_text(good + "\n[server\nport = 1\n")
    said = refusal(server)
    assert f"{path}:{good.count(chr(10)) + 2}" in said, said


def test_a_file_that_is_not_there(server, tmp_path):
    missing = tmp_path / "missing.toml"
    assert str(missing) in refusal(server, "-c", str(missing))


def test_a_good_file_passes_the_check_without_starting_anything(server):
    configured(server, {})
    done = server.run("-t", "-c", server.config_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.readiness()[0] is None


def test_the_version_is_told(server):
    done = server.run("--version")
    assert done.returncode == 0 and "onsaled" in done.stdout and any(c.isdigit() for c in done.stdout)


def test_a_word_nobody_knows_on_the_command_line(server):
    assert "--colour" in refusal(server, "--colour")


@pytest.mark.parametrize("section", ["server", "operations"])
def test_a_taken_port_is_named(server, section):
    configured(server, {})
    port = server.port if section == "server" else server.ops_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = refusal(server)
    assert str(port) in said and "in use" in said.lower(), said


def test_a_port_of_another_node_is_taken_too(backends, server):
    """Cores share a port among themselves; two nodes that did would share buyers without anybody knowing."""
    server.start()
    twin = backends.add_server("twin", workers=1, settings={"server": {"port": server.port}})
    twin.prepare()
    said = refusal(twin)
    assert str(server.port) in said and "in use" in said.lower(), said


def test_a_redis_that_evicts_is_refused(backends, server):
    configured(server, {})
    client = redis_of(backends)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        said = refusal(server)
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    assert "maxmemory-policy" in said and "noeviction" in said and "allkeys-lru" in said, said


def test_a_redis_that_is_not_there_is_named(server):
    configured(server, {"redis": {"port": 1}})
    said = refusal(server)
    assert "redis" in said.lower() and "127.0.0.1:1" in said, said


def test_a_database_without_the_schema_says_how_to_make_it(backends, server):
    empty = make_database(backends, "empty")
    configured(server, {"postgres": {"dsn": empty}})
    assert "onsaled --migrate" in refusal(server)


def test_a_migration_may_run_twice(backends, server):
    configured(server, {"postgres": {"dsn": make_database(backends, "twice")}})
    for _ in range(2):
        done = server.run("--migrate", "-c", server.config_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_postgresql_that_is_not_there_is_named(server):
    configured(server, {"postgres": {"dsn": "postgresql://onsale@127.0.0.1:1/onsale"}})
    said = refusal(server)
    assert "PostgreSQL" in said or "postgres" in said, said


def make_database(backends, name):
    import psycopg2
    connection = psycopg2.connect(backends.postgres.dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return backends.postgres.dsn.rsplit("/", 1)[0] + "/" + name


def test_a_forbidden_io_uring_is_named(server):
    configured(server, {})
    said = refusal(server, preexec_fn=forbid_io_uring)
    assert "io_uring" in said, said
    assert "seccomp" in said or "kernel.io_uring_disabled" in said, said


def forbid_io_uring():
    """As container runtimes do: a seccomp filter that answers EPERM to io_uring_setup (425)."""
    def instruction(code, if_true, if_false, value):
        return struct.pack("HBBI", code, if_true, if_false, value)

    program = b"".join([
        instruction(0x20, 0, 0, 0),                # load the system call's number
        instruction(0x15, 0, 1, 425),              # io_uring_setup?
        instruction(0x06, 0, 0, 0x00050000 | 1),   # then EPERM
        instruction(0x06, 0, 0, 0x7FFF0000),       # else allowed
    ])
    text = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0         # no new privileges
    assert libc.prctl(22, 2, header, 0, 0) == 0    # filter


def test_the_backends_were_all_right(backends, server):
    """The same configuration starts when nothing is wrong: the refusals above were for their reasons."""
    configured(server, {})
    server.start()
    eventually(lambda: server.readiness()[0] == 200, what="ready")
    assert server.stop() == 0
