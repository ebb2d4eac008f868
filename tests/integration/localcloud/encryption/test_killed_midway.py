"""A way in, out, or to another key that is killed at any of its steps: nothing is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import rotation
from localcloud.datafolder import encryption, operator_key
from tests.support.localcloud import secrets_in_clear
from tests.support.localcloud.encrypted_folders import (
    Given,
    enter,
    make_key,
    refused,
    secrets_of,
)

_KILLED = """
import os, pathlib, signal, sys
from localcloud import rotation
from localcloud.datafolder import encryption, operator_key, secret_files
from localcloud.datafolder.store import Store

data, what, left = pathlib.Path(sys.argv[1]), sys.argv[3], [int(sys.argv[4])]
key = operator_key.read(pathlib.Path(sys.argv[2]), "")

def dies_around(owner, name):
    real = getattr(owner, name)
    def step(*arguments, **named):
        for do in (None, real):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            done = do and do(*arguments, **named)
        return done
    setattr(owner, name, step)

for owner, name in (
    (encryption, "_write"), (pathlib.Path, "replace"), (pathlib.Path, "unlink"), (os, "pwrite"),
    (Store, "_counted"), (Store, "_committed"), (Store, "rewrite"), (Store, "checkpoint"),
):
    dies_around(owner, name)
if what == "leave":
    rotation.decrypt(data, pathlib.Path(sys.argv[2]))
elif what == "rewrap":
    rotation.encryption_key(data, pathlib.Path(sys.argv[5]), pathlib.Path(sys.argv[2]))
else:
    store = Store(data / "localcloud.db", None, lambda db: encryption.vault_of(data, db, key))
    encryption.keep(store, data, key)
"""


def killed(data: Path, key: Path, what: str, step: int, new: Path | None = None) -> bool:
    """Runs a way in, out, or to a new key, that is killed at a step: False where it has none such."""
    command = [sys.executable, "-c", _KILLED, str(data), str(key), what, str(step), str(new)]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_another_key_that_is_killed_at_any_step_is_the_one_or_the_other(
    given: Given, tmp_path: Path, key: Path
) -> None:
    begin, new = tmp_path / "begin", make_key(tmp_path / "new")
    shutil.copytree(given.data, begin)
    enter(begin, key)
    secrets = secrets_of(begin, key)
    ids = {operator_key.read(file, "").id: file for file in (key, new)}
    seen, step = [], 0
    while True:
        data = tmp_path / f"killed-{step}"
        shutil.copytree(begin, data)
        was_killed = killed(data, key, "rewrap", step, new)
        found = encryption.key_id(data)
        assert found in ids
        seen.append(found)
        assert secrets_of(data, ids[found]) == secrets
        (other,) = set(ids.values()) - {ids[found]}
        assert "name the file of that one. Nothing was changed." in refused(data, other)
        assert rotation.encryption_key(data, new, key) == operator_key.read(new, "").id  # again
        assert secrets_of(data, new) == secrets
        assert secrets_in_clear.found_in(data, given.secrets) == []
        shutil.rmtree(data)
        if not was_killed:
            break
        step += 1
    assert list(dict.fromkeys(seen)) == list(ids), "first the one, then the other"


@pytest.mark.parametrize("what", ["enter", "leave"])
def test_a_way_that_is_killed_at_any_step_loses_nothing(
    given: Given, tmp_path: Path, key: Path, what: str
) -> None:
    """Behind each kill it is all there: in clear, or for who has the key. The next start ends the way in."""
    begin = tmp_path / "begin"
    shutil.copytree(given.data, begin)
    secrets = secrets_of(begin, None)
    ca = (begin / "ca.key").read_bytes()
    if what == "leave":
        enter(begin, key)
    seen, step = set(), 0
    while True:
        data = tmp_path / f"killed-{step}"
        shutil.copytree(begin, data)
        was_killed = killed(data, key, what, step)
        is_encrypted = encryption.key_id(data) is not None
        seen.add(is_encrypted)
        if is_encrypted:
            assert "none is given" in refused(data, None)
        else:
            assert secrets_of(data, None) == secrets
            assert (data / "ca.key").read_bytes() == ca
        enter(data, key)
        assert secrets_of(data, key) == secrets
        assert secrets_in_clear.found_in(data, given.secrets) == []
        rotation.decrypt(data, key)
        assert secrets_of(data, None) == secrets
        assert (data / "ca.key").read_bytes() == ca
        shutil.rmtree(data)
        if not was_killed:
            break
        step += 1
    assert step > 20
    assert seen == {True, False}
