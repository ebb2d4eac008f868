"""The start of the program, as the engine runs it."""

import sys
from pathlib import Path

# The program that stands beside this file, whatever checkout is installed and PYTHONPATH names.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from infra.program import run
from surroundings import settle

settle()
run(get_config_env(), get_config_secret_keys_env())
