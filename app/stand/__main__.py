import sys

from app.stand.cli import main

sys.exit(main(sys.argv[1:]))
