"""The command line of `./dev`."""

import argparse
import re
import sys

from app.stand import build, clean, fuzz, lint, simulate, testing, up
from app.stand.errors import StandError
from app.stand.kafka import KINDS
from app.stand.paths import ROOT
from app.stand.report_file import report_file
from app.stand.signals import Stopped, StopSignals
from perf.bench.command import bench

_EPILOG = """\
options of demo and up:
  --port PORT        public listener (default: 8080, or a free one when that is taken)
  --ops-port PORT    operations listener (default: 9090, or a free one when that is taken)
  --workers N        cores that onsaled uses (default: all)
  --data DIR         data folder (default: ./data); DIR/env tells other programs where everything is
  --kafka KIND       embedded: a stand-in without a JVM (default); real: Apache Kafka on a JVM; none
options of demo:
  --buyers N --seats N --standing N    size of the crowd and the hall (default: 2000, 500, 200)
  --report FILE.json                   write the table as JSON, too
  --exit                               stop everything after the sale; non-zero when an invariant broke
options of bench:
  NAME ...             only these benches; --list says which there are (default: all)
  --seconds S          of each run (default: 5)
  --repeat N           runs of each bench; figures that disagree are marked (default: 3)
  --quick              small and short, to see whether it runs; the figures mean little
  --json FILE          write everything as JSON, too
  --compare OLD.json   print what has changed since, and mark what is worse by more than the noise

./dev COMMAND --help says the same of one command. Missing Debian packages are named, then installed by apt-get.
"""


def main(arguments):
    options = _parser().parse_args(arguments)
    try:
        with StopSignals():
            return options.run(options)
    except Stopped:
        return 130
    except StandError as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1


def _parser():
    parser = argparse.ArgumentParser(
        prog="./dev", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_EPILOG,
        description="onsale, the open-source server for ticket on-sales: build it, watch it, test it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_up(commands)
    tests = commands.add_parser("test", help="run all tests; the last line is `N passed, N failed`")
    tests.add_argument("--only", metavar="LEG", choices=testing.LEGS, action="append",
                       help=f"only this leg ({', '.join(testing.LEGS)}); may be given more than once")
    tests.set_defaults(run=testing.test)
    _add_bench(commands)
    _add_fuzz(commands)
    _add_lint(commands)
    counting = commands.add_parser("coverage", help="which lines and branches the C++ tests run")
    counting.set_defaults(run=testing.coverage)
    _add_simulate(commands)
    commands.add_parser("build", help="build everything into build/").set_defaults(run=_build)
    cleaning = commands.add_parser("clean", help="delete what was built and the data folder")
    cleaning.add_argument("--data", default=str(ROOT / "data"), metavar="DIR", help="data folder (default: ./data)")
    cleaning.set_defaults(run=clean.clean)
    return parser


def _add_demo(commands):
    demo = commands.add_parser("demo", help="a whole sale: servers, an event, a crowd of buyers, and a checked table")
    _add_stand_options(demo)
    demo.add_argument("--buyers", type=_positive, default=2000, metavar="N", help="simulated buyers (default: 2000)")
    demo.add_argument("--seats", type=_count, default=500, metavar="N", help="numbered seats (default: 500)")
    demo.add_argument("--standing", type=_count, default=200, metavar="N", help="standing places (default: 200)")
    demo.add_argument("--report", type=report_file, metavar="FILE.json", help="write the table as JSON, too")
    demo.add_argument("--exit", action="store_true",
                      help="stop everything after the sale; non-zero when an invariant broke")
    demo.set_defaults(run=up.demo)


def _add_up(commands):
    command = commands.add_parser("up", help="the same servers without a crowd, until Ctrl-C; DIR/env tells where")
    _add_stand_options(command)
    command.set_defaults(run=up.up)


def _add_bench(commands):
    command = commands.add_parser("bench", help="how fast, at what cost a request, and how far from the limit")
    command.add_argument("names", nargs="*", metavar="NAME", help="only these benches (default: all)")
    command.add_argument("--list", action="store_true", help="say which benches there are")
    command.add_argument("--seconds", type=_seconds, metavar="S", help="of each run (default: 5, with --quick 1)")
    command.add_argument("--repeat", type=_positive, metavar="N", help="runs of each (default: 3, with --quick 1)")
    command.add_argument("--quick", action="store_true", help="small and short, to see whether it runs")
    command.add_argument("--json", type=report_file, metavar="FILE", help="write everything as JSON, too")
    command.add_argument("--compare", metavar="OLD.json", help="print what has changed since that report")
    command.set_defaults(run=bench)


def _add_lint(commands):
    command = commands.add_parser("lint", help="clang-format and clang-tidy over the C++ sources")
    command.add_argument("--fix", action="store_true", help="write the sources as clang-format wants them")
    command.set_defaults(run=lint.lint)


def _add_fuzz(commands):
    command = commands.add_parser("fuzz", help="search for inputs that break a property; exit 1 when one is found")
    command.add_argument("name", nargs="*", metavar="NAME", help="only these targets (default: all)")
    command.add_argument("--minutes", type=_minutes, default=fuzz.MINUTES, metavar="N",
                         help=f"of each target (default: {fuzz.MINUTES:g})")
    command.add_argument("--jobs", type=_positive, default=fuzz.JOBS, metavar="N",
                         help=f"targets at a time (default: {fuzz.JOBS})")
    command.add_argument("--keep", action="store_true", help="add inputs that reach something new to tests/fuzz/corpus")
    command.add_argument("--list", action="store_true", help="say which targets there are, and run none")
    command.set_defaults(run=fuzz.fuzz)


def _add_simulate(commands):
    command = commands.add_parser("simulate", help="server, queue and Redis link in a simulated kernel; exit 1 when a "
                                                   "run breaks an invariant")
    command.add_argument("name", nargs="*", metavar="NAME",
                         help=f"only these worlds: {', '.join(simulate.WORLDS)} (default: all)")
    command.add_argument("--minutes", type=_minutes, default=simulate.MINUTES, metavar="M",
                         help=f"of all worlds together (default: {simulate.MINUTES})")
    command.add_argument("--runs", type=_positive, metavar="N", help="of each world, instead of a time")
    command.add_argument("--seed", type=_seed, metavar="S", help="of the first run; the same seed is the same run")
    command.add_argument("--trace", action="store_true", help="print what happens")
    command.add_argument("--sanitized", action="store_true",
                         help="under AddressSanitizer and UBSan; a third of the speed")
    command.set_defaults(run=simulate.simulate)


def _add_stand_options(command):
    command.add_argument("--port", type=_port, metavar="PORT", help="public listener (default: 8080)")
    command.add_argument("--ops-port", type=_port, metavar="PORT", help="operations listener (default: 9090)")
    command.add_argument("--workers", type=_positive, metavar="N", help="cores that onsaled uses (default: all)")
    command.add_argument("--data", default=str(ROOT / "data"), metavar="DIR", help="data folder (default: ./data)")
    command.add_argument("--kafka", choices=KINDS, default="embedded",
                         help="real: Apache Kafka on a JVM; embedded: a stand-in without one (default); none")


def _build(_options):
    build.build()
    return 0


def _positive(text):
    return _number(text, 1, 10_000_000)


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 0.5 to 3600 seconds")
    return seconds


def _seed(text):
    return _number(text, 0, 2**64 - 1)


def _count(text):
    return _number(text, 0, 1_000_000)


def _minutes(text):
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes")
    return minutes


def _port(text):
    return _number(text, 1, 65535)


def _number(text, least, most):
    if not re.fullmatch("[0-9]{1,20}", text) or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
    return int(text)
