"""Run ``python -m truepremia``."""

import sys

from truepremia.cli import main

sys.exit(main())
