"""What a distribution would install: the unit, its user, the example configurations. An example that does not work is
worse than none."""

import shutil
import subprocess

import pytest

from app.stand.paths import ROOT, programs
from app.stand.ports import answers, free_port

EXPOSURE_MAX = 20  # tenths, of systemd-analyze's scale to 10

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is missing")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


@needs_systemd
def test_the_unit_keeps_its_sandbox():
    judged = run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}",
                 ROOT / "systemd" / "onsaled.service")
    assert judged.returncode == 0, judged.stdout + judged.stderr


@needs_systemd
def test_the_unit_is_understood_word_for_word(tmp_path):
    text = (ROOT / "systemd" / "onsaled.service").read_text()
    unit = tmp_path / "onsaled.service"
    unit.write_text(text.replace("/usr/bin/onsaled", "/usr/bin/true"))  # verify wants the program to exist
    judged = run("systemd-analyze", "verify", "--man=no", unit)
    assert judged.returncode == 0 and judged.stderr == "", judged.stderr


@needs_systemd
def test_io_uring_is_not_filtered_away():
    text = (ROOT / "systemd" / "onsaled.service").read_text()
    allowed = [line for line in text.splitlines() if line.startswith("SystemCallFilter=") and "~" not in line]
    for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
        assert any(call in line.split("=")[1].split() for line in allowed), call


@needs_systemd
def test_the_user_is_understood():
    judged = run("systemd-sysusers", "--dry-run", ROOT / "systemd" / "onsale.sysusers.conf")
    assert judged.returncode == 0, judged.stderr


def test_the_example_configuration_is_accepted(tmp_path):
    example = tmp_path / "onsaled.toml"
    example.write_text((ROOT / "conf" / "onsaled.toml").read_text())
    (tmp_path / "admin-token").write_text("a" * 64 + "\n")
    (tmp_path / "token-keys").write_text("1:" + "b" * 64 + "\n")
    checked = run(programs() / "onsaled", "-t", "-c", example)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_key_of_the_example_that_is_commented_out_exists(tmp_path):
    """Each `# key = value` line, put in force alone, must not be an unknown key."""
    lines = (ROOT / "conf" / "onsaled.toml").read_text().splitlines()
    for name, content in (("admin-token", "a" * 64), ("token-keys", "1:" + "b" * 64), ("redis-password", "secret"),
                          ("postgres-dsn", "postgresql://onsale@127.0.0.1/onsale")):
        (tmp_path / name).write_text(content + "\n")
    for number, line in enumerate(lines):
        if not line.startswith("# ") or " = " not in line or line.endswith("."):
            continue
        example = tmp_path / "onsaled.toml"
        example.write_text("\n".join([*lines[:number], line[2:], *lines[number + 1:]]) + "\n")
        checked = run(programs() / "onsaled", "-t", "-c", example)
        assert "unknown" not in checked.stdout + checked.stderr, checked.stdout + checked.stderr


def test_redis_runs_with_the_example_and_does_not_evict(tmp_path):
    port = free_port()
    redis = subprocess.Popen(["redis-server", str(ROOT / "conf" / "redis.conf"), "--port", str(port),
                              "--dir", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while not answers(port):
            assert redis.poll() is None, redis.stdout.read()
        shown = run("redis-cli", "-p", port, "CONFIG", "GET", "maxmemory-policy").stdout.split()
        assert shown == ["maxmemory-policy", "noeviction"]
        assert run("redis-cli", "-p", port, "CONFIG", "GET", "appendfsync").stdout.split()[1] == "everysec"
    finally:
        redis.terminate()
        redis.wait()


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is missing")
def test_nginx_accepts_the_example(tmp_path):
    example = (ROOT / "conf" / "nginx.conf").read_text().replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    of_the_test = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in
                          ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + "access_log off;"
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n" + example.replace("http {", "http {" + of_the_test))
    judged = run("nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf")
    assert judged.returncode == 0, judged.stderr
