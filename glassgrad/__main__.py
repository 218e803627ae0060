"""`python -m glassgrad`: the same as the command `glassgrad`."""

import sys

from glassgrad.viz.command_line import main

if __name__ == "__main__":
    sys.exit(main())
