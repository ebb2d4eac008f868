"""The start of the program, as the engine runs it."""

import sys
from pathlib import Path

# The program that stands beside this file, whatever checkout is installed and PYTHONPATH names.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infra.start import start

start()
