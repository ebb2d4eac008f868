from pulumi.runtime import get_config_env

from infra.program import run

run(get_config_env())
