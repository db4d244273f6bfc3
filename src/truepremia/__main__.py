"""Run ``python -m truepremia``."""

import sys

from truepremia.commands.cli import main

sys.exit(main())
