"""Where `./dev` begins. Until the command line knows how to stop (signals.py), Ctrl-C ends us without a word."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)

from app.stand.cli import main  # noqa: E402  what is imported takes time, in which somebody may press Ctrl-C

sys.exit(main(sys.argv[1:]))
