"""The start of the pack, as the engine runs it."""

import sys
from pathlib import Path

# The rules that stand beside this file, with `certs` and the catalogue beside them, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.pack import serve

serve()
