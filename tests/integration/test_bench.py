"""`./dev bench`: its arithmetic by itself, and two benches run for a second each over real servers."""

import json
import os
import subprocess
import sys

import pytest

from app.stand.build import build
from app.stand.errors import StandError
from app.stand.paths import ROOT, programs
from app.stand.server import parse_metrics
from perf.bench.catalogue import BENCHES, chosen
from perf.bench.clocks import Interval, Sample, parse_command_calls, summed
from perf.bench.command import TARGETS, _read_report
from perf.bench.figures import Change, Figure, Figures, compare
from perf.bench.machine import describe
from perf.bench.probe import Answer, recovered_s
from perf.bench.redis import parse_monitored, render
from perf.bench.slow_redis import SAVED_NS_MAX, Allowance
from perf.bench.table import render as render_report
from perf.bench.table import render_comparison

COLUMNS_MAX = 120
BENCH_S_MAX = 300


def figure(*values, better="lower"):
    return Figure(tuple(values), "us", better)


# Figures and their noise.

def test_repetitions_that_disagree_are_not_sold_as_one_number():
    assert not figure(100, 105, 109).noisy
    assert figure(95, 100, 106).noisy
    assert figure(95, 100, 106).value == 100
    assert not figure(100).noisy, "one repetition cannot disagree with itself"


def test_a_figure_that_could_not_be_had_is_missing_and_not_zero():
    figures = Figures()
    figures.note("system_calls", None)
    figures.note("allocations", 0.0)
    assert figures.get("system_calls") is None
    assert figures.get("allocations").value == 0


def test_figures_survive_their_json():
    figures = Figures()
    for value in (3, 1, 2):
        figures.note("cpu.core_us", value, "us")
    again = Figures.from_json(json.loads(json.dumps(figures.to_json())))
    assert again.get("cpu.core_us") == figures.get("cpu.core_us")


@pytest.mark.parametrize("old, new, verdict", [
    (figure(100), figure(104), ""),
    (figure(100), figure(106), "worse"),
    (figure(100), figure(90), "better"),
    (figure(100, better="higher"), figure(90, better="higher"), "worse"),
    (figure(100, better=""), figure(200, better=""), ""),
    (figure(90, 100, 110), figure(115), ""),
    (figure(0), figure(1), "worse"),
    (figure(0), figure(0), ""),
])
def test_a_change_is_worse_only_in_the_bad_direction_and_beyond_the_noise(old, new, verdict):
    assert Change("poll", "x", old, new).verdict == verdict


def report_of(figures, name="poll", **more):
    return {"date": "2026-11-20T00:00:00Z", "commit": "abc", "seconds": 5.0, "repeat": 3, "quick": False,
            "machine": {"cpu": "CPU", "cpus": 2, "memory_gib": 8, "kernel": "6.18", "virtual": True,
                        "mitigations": ["spectre: " + "retpolines " * 30], "load_before": [0.1, 0.2, 0.3]},
            "placement": {"server": 0, "client": 1, "redis": 1, "postgres": 1},
            "benches": {name: {"about": "polls", "figures": {key: value.to_json() for key, value in figures.items()},
                               "notes": []}}, **more}


def test_figures_that_only_one_report_has_are_not_compared():
    old = report_of({"a": figure(1), "gone": figure(1)})
    new = report_of({"a": figure(2), "fresh": figure(1)})
    assert [change.name for change in compare(old, new)] == ["a"]
    assert compare(old, report_of({"a": figure(2)}, name="join")) == []


# What is printed.

EVERY_COLUMN = {name: figure(123456.789) for name in (
    "ratio.bare_cpu", "ratio.bare_cpu_at_rate", "ratio.bare_rate", "ratio.redis_cpu", "ratio.copy_rate",
    "ratio.nginx_cpu", "ratio.nginx_rate", "requests_per_second", "busy.core", "closed.p50_us", "closed.p99_us",
    "closed.p999_us", "open50.p50_us", "open50.p99_us", "open50.p999_us", "open80.p50_us", "open80.p99_us",
    "open80.p999_us", "cpu.onsaled_us", "cpu.core_us", "cpu.redis_us", "cpu.postgres_us", "bare.cpu_us",
    "nginx.cpu_us", "allocations", "system_calls", "redis.commands", "redis.commands_inside",
    "redis.users_per_call", "redis.commands_per_send", "redis.users_per_send")}


@pytest.mark.parametrize("figures", [EVERY_COLUMN, {f"scenario.figure_{at}": figure(at * 1e7) for at in range(40)}])
def test_the_table_fits_a_window(figures):
    printed = render_report(report_of(figures))
    assert [line for line in printed.splitlines() if len(line) > COLUMNS_MAX] == []


def test_a_noisy_figure_is_marked_and_its_spread_is_shown():
    printed = render_report(report_of({"requests_per_second": figure(40_000, 50_000, 60_000, better="higher")}))
    assert "~50k" in printed
    assert "requests_per_second 4e+04..6e+04 (40 %)" in printed


def test_the_ratios_come_before_what_they_are_made_of():
    printed = render_report(report_of({"requests_per_second": figure(1e5), "ratio.bare_cpu": figure(0.9)}))
    assert printed.index("0.90") < printed.index("100k")


def test_the_comparison_names_the_worse_by_a_mark_and_a_sum():
    old, new = report_of({"cpu.core_us": figure(5.0)}), report_of({"cpu.core_us": figure(6.0)})
    printed = render_comparison(old, new, compare(old, new))
    assert "! poll" in printed and "+20.0 %" in printed
    assert "1 worse by more than the noise, of 1" in printed
    assert "careful" not in printed


def test_reports_made_differently_are_compared_with_a_warning():
    old, new = report_of({"a": figure(1)}), report_of({"a": figure(1)}, quick=True, repeat=1)
    assert "careful: quick, repeat differ" in render_comparison(old, new, compare(old, new))
    new = report_of({"a": figure(1)})
    new["machine"]["cpus"] = 64
    assert "careful: machine differs" in render_comparison(old, new, compare(old, new))


def test_the_machine_is_described_with_what_slows_it_down():
    told = "\n".join(describe(report_of({})["machine"]))
    assert "virtual machine" in told and "retpolines" in told and "6.18" in told


# What is read.

def test_a_family_of_one_sample_a_core_is_summed():
    text = ('# HELP onsale_redis_sends_total Sends\n# TYPE onsale_redis_sends_total counter\n'
            'onsale_redis_sends_total{core="0"} 5\nonsale_redis_sends_total{core="1"} 7\nonsale_http_connections 3\n')
    samples = parse_metrics(text)
    assert samples == {'redis_sends_total{core="0"}': 5, 'redis_sends_total{core="1"}': 7, "http_connections": 3}
    assert summed(samples) == {"redis_sends_total": 12, "http_connections": 3}


def test_commands_of_scripts_are_told_from_those_that_were_sent():
    calls = parse_command_calls("cmdstat_evalsha:calls=10,usec=5\r\ncmdstat_zrank:calls=640,usec=1\r\n")
    before = Sample(0.0, {}, {"redis_commands_total": 0}, {})
    after = Sample(2.0, {}, {"redis_commands_total": 10, "redis_sends_total": 5, "http_requests_total": 640}, calls)
    interval = Interval(before, after)
    assert interval.per_request(interval.commands_inside_scripts) == 1.0
    assert interval.users_per_call() == 64
    assert interval.commands_per_send() == 2
    assert interval.users_per_send() == 128


def test_an_interval_without_requests_has_no_costs():
    idle = Sample(0.0, {"core": 0}, {}, {})
    interval = Interval(idle, Sample(1.0, {"core": 5000}, {}, {}))
    assert interval.cpu_us("core") is None
    assert interval.commands_per_send() is None


def test_a_replay_sends_what_was_sent_byte_for_byte():
    line = rb'1700000000.123456 [0 127.0.0.1:5000] "EVALSHA" "abc" "1" "{e}:meta" "a\"b\\c\x00\r\n\xff"'
    assert parse_monitored(line) == [b"EVALSHA", b"abc", b"1", b"{e}:meta", b'a"b\\c\x00\r\n\xff']
    assert parse_monitored(rb'1700000000.123456 [0 lua] "zrank" "{e}:line" "u"') is None
    assert render("GET", b"\xff", 5) == b"*3\r\n$3\r\nGET\r\n$1\r\n\xff\r\n$1\r\n5\r\n"


def test_recovery_counts_from_the_first_of_a_row_of_good_answers():
    answers = [Answer(0.0, 0.1, 200), Answer(1.0, 1.1, 503), Answer(1.2, 1.3, 200), Answer(1.4, 1.5, 503),
               Answer(1.6, 1.7, 200), Answer(1.8, 1.9, 200)]
    assert recovered_s(answers, since_s=1.0, status=200, successive=2) == pytest.approx(0.7)
    assert recovered_s(answers, since_s=1.0, status=200, successive=3) is None


def test_a_slowed_redis_gets_its_part_and_no_more_after_a_pause():
    allowance = Allowance(0.2, now_ns=0, used_ns=1000)
    assert not allowance.spent(1_000_000, 1000 + 200_000)
    assert allowance.spent(2_000_000, 1000 + 500_000)
    assert not allowance.spent(3_000_000, 1000 + 500_000), "what it had too much is paid back by waiting"
    assert not allowance.spent(10**12, 1000 + 500_000)
    assert allowance.spent(10**12, 1000 + 500_000 + SAVED_NS_MAX + 1), "a long pause is not saved up"


# The command.

def test_an_unknown_bench_is_refused_with_the_likely_name():
    with pytest.raises(StandError, match="did you mean 'poll-pipelined'"):
        chosen(["poll-pipelnd"])
    with pytest.raises(StandError, match="there are: empty, "):
        chosen(["zzz"])
    assert [bench.name for bench in chosen([])] == list(BENCHES)


@pytest.fixture(scope="module")
def built():
    """How long that takes is not what is tested here."""
    build(programs(), targets=TARGETS, quiet=True)


COUNTED_PROGRAM = """
import ctypes, sys, threading
from perf.bench.throughput import allocations
take, release = getattr(ctypes.CDLL(None), sys.argv[2]), ctypes.CDLL(None).free
take.restype, take.argtypes, release.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
thread, before = threading.get_native_id(), allocations(sys.argv[1], threading.get_native_id())
for _ in range(10_000):
    release(take(24))
print(allocations(sys.argv[1], thread) - before)
"""


@pytest.mark.parametrize("function", ["malloc", "_Znwm"])
@pytest.mark.parametrize("allocator", ["", ":libmimalloc.so.2"])
def test_no_allocation_escapes_the_counter_whatever_the_allocator(built, tmp_path, function, allocator):
    env = {"LD_PRELOAD": f"{programs() / 'onsale-count-allocations.so'}{allocator}", "PYTHONPATH": str(ROOT),
           "ONSALE_COUNT_FILE": str(tmp_path / "counts")}
    done = subprocess.run([sys.executable, "-c", COUNTED_PROGRAM, tmp_path / "counts", function], env=os.environ | env,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 10_000 <= int(done.stdout) < 10_500, "each once, and the few that Python needs itself"


@pytest.fixture(scope="module")
def quick(built, tmp_path_factory):
    """Two benches for a second each: what was printed, and the JSON."""
    path = tmp_path_factory.mktemp("bench") / "first.json"
    done = dev_bench("empty", "poll", "--quick", "--json", path)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(path.read_text()), path


def dev_bench(*arguments):
    return subprocess.run([str(ROOT / "dev"), "bench", *map(str, arguments)], capture_output=True, text=True,
                          timeout=BENCH_S_MAX, env=os.environ | {"ONSALE_BUILD_DIR": str(programs())})


def value(report, bench, name):
    return report["benches"][bench]["figures"][name]["value"]


def test_the_report_says_where_and_when_it_was_measured(quick):
    printed, report, _ = quick
    assert report["machine"]["kernel"] == os.uname().release
    assert report["date"] in printed and report["machine"]["cpu"] in printed
    assert set(report["benches"]) == {"empty", "poll"}


def test_every_column_of_a_route_was_measured(quick):
    _, report, _ = quick
    for name in ("requests_per_second", "closed.p50_us", "closed.p99_us", "closed.p999_us", "open50.p99_us",
                 "open80.p99_us", "cpu.onsaled_us", "cpu.core_us", "cpu.redis_us", "cpu.postgres_us",
                 "bare.requests_per_second", "bare.cpu_us", "bare.cpu_us_at_rate", "client.cpu_us", "answer_bytes",
                 "redis.commands", "redis.commands_inside", "redis.users_per_call", "redis.commands_per_send",
                 "redis_limit.cpu_us", "redis_benchmark.zrank"):
        assert value(report, "poll", name) > 0, name
    assert value(report, "poll", "allocations") >= 0


def test_time_on_a_cpu_is_not_more_than_there_was(quick):
    _, report, _ = quick
    for bench in ("empty", "poll"):
        seconds_a_second = value(report, bench, "requests_per_second") * value(report, bench, "cpu.core_us") / 1e6
        assert seconds_a_second <= 1.1, "the core thread would have been busier than a CPU can be"
        assert value(report, bench, "cpu.core_us") <= 1.01 * value(report, bench, "cpu.onsaled_us")
        assert value(report, bench, "closed.p50_us") <= value(report, bench, "closed.p999_us")


def test_each_route_asks_redis_for_what_it_says(quick):
    _, report, _ = quick
    assert value(report, "empty", "redis.commands") < 0.01
    assert value(report, "poll", "redis.users_per_call") > 1
    assert value(report, "poll", "redis.commands_inside") >= 1, "each user's rank is looked up"


def test_all_answers_were_those_of_the_route(quick):
    _, report, _ = quick
    assert [bench["notes"] for bench in report["benches"].values()
            if any("not all answers" in note for note in bench["notes"])] == []


def test_a_report_is_compared_with_an_older_one(quick):
    _, report, path = quick
    older = path.with_name("older.json")
    report["benches"]["empty"]["figures"]["allocations"].update(value=1000.0, values=[1000.0])
    older.write_text(json.dumps(report))
    done = dev_bench("empty", "--quick", "--compare", older)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "+ empty            allocations" in done.stdout
    assert "worse by more than the noise, of" in done.stdout


@pytest.mark.parametrize("broken", [{"benches": None}, {"machine": None}, {"machine": {}},
                                    {"benches": {"poll": None}}, {"benches": {"poll": {"figures": None}}},
                                    {"benches": {"poll": {"figures": {"a": {"values": []}}}}}, {"format": 2}])
def test_what_is_no_report_is_refused_before_an_hour_of_measuring(tmp_path, broken):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"format": 1} | report_of({"a": figure(1)})))
    assert _read_report(path)
    path.write_text(json.dumps({"format": 1} | report_of({"a": figure(1)}) | broken))
    with pytest.raises(StandError, match="is no report that ./dev bench --json has written"):
        _read_report(path)


def test_a_wrong_argument_is_said_and_nothing_is_measured(tmp_path):
    (tmp_path / "no.json").write_text("[]")
    done = dev_bench("empty", "--quick", "--compare", tmp_path / "no.json")
    assert done.returncode == 1
    assert "is no report that ./dev bench --json has written" in done.stderr
    assert dev_bench("polll").stderr.startswith("dev: there is no bench 'polll'; did you mean 'poll'?")
