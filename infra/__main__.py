from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from infra.program import run

run(get_config_env(), get_config_secret_keys_env())
