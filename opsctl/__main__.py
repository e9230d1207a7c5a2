"""`python -m opsctl` runs the command line."""

import sys

from opsctl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
