"""Where the engine starts the pack."""

import sys
from pathlib import Path

# The rules that stand beside this file, and the `certs` beside them, whatever checkout is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.pack import serve

serve()
