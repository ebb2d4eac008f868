"""Rotations of sign-in and CA, while localcloud runs and while it does not, and cut off at each step."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
import requests

from localcloud import authority, control, rotation, version
from localcloud.errors import StartError
from localcloud.identity import credentials
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from tests.support.localcloud import parts
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.waiting import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Of a localcloud without blob storage, stopped afterwards."""
    found = Settings(tmp_path / "data", tmp_path / "featurizers")
    yield found
    control.stop(found.data)


@pytest.fixture
def running(settings: Settings) -> Status:
    return control.start(settings)


@pytest.fixture
def caller(running: Status) -> Iterator[ArmCaller]:
    with closing(ArmCaller(running)) as found:
        yield found


def opens(caller: ArmCaller, token: str) -> bool:
    """Whether Resource Manager takes a token; False: 401."""
    path = f"{caller.subscription}/resourceGroups"
    status = caller("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code
    assert status in (200, 401)
    return status == 200


def secret_opens(caller: ArmCaller, secret: str) -> bool:
    """Whether a secret signs in; False: Microsoft's code for a wrong one."""
    answer = caller.sign_in(client_secret=secret)
    assert answer.ok or answer.json()["error_codes"] == [7000215]
    return answer.ok


def test_a_sign_in_of_before_opens_until_the_said_time(running: Status, caller: ArmCaller) -> None:
    old, token = caller.secret, caller.token()
    begin = time.time()
    until = rotation.sign_in(running.client_secret_file.parent, at_once=False)
    assert begin + credentials.OVERLAP_S - 1 <= until <= time.time() + credentials.OVERLAP_S
    assert caller.secret != old
    assert secret_opens(caller, caller.secret)
    assert opens(caller, token)
    # what the secret of before still gets ends with it, and is signed by the new key
    told = caller.sign_in(client_secret=old).json()
    assert opens(caller, told["access_token"])
    assert jwt.decode(told["access_token"], options={"verify_signature": False})["exp"] <= until
    assert told["expires_in"] <= credentials.TOKEN_LIFE_S
    keys = requests.get(
        f"{caller.base}/{running.tenant}/discovery/v2.0/keys", verify=str(running.ca), timeout=10
    ).json()["keys"]
    known = [jwt.get_unverified_header(one)["kid"] for one in (told["access_token"], token)]
    assert [key["kid"] for key in keys] == known


def test_at_once_nothing_of_before_opens(running: Status, caller: ArmCaller) -> None:
    data = running.client_secret_file.parent
    tokens, secrets = [], []
    for at_once in (False, True):
        secrets.append(caller.secret)
        tokens.append(caller.sign_in().json()["access_token"])
        rotation.sign_in(data, at_once=at_once)
    for secret, token in zip(secrets, tokens, strict=True):
        assert not secret_opens(caller, secret)
        answer = caller("GET", caller.subscription, headers={"Authorization": f"Bearer {token}"})
        assert refusal(answer)[:2] == (401, "InvalidAuthenticationToken")
    assert secret_opens(caller, caller.secret)
    assert control.status(data).running


def test_the_overlap_ends(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock alone: nobody has to do anything."""
    with Cloud(settings):
        pass
    monkeypatch.setattr(credentials, "OVERLAP_S", 3)
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as caller:
        old, token = caller.secret, caller.token()
        credentials.rotate(cloud._store, settings.data, at_once=False)
        cloud.follow()
        assert opens(caller, token)
        assert caller.sign_in(client_secret=old).json()["expires_in"] <= 3
        wait_until(lambda: not opens(caller, token))
        assert not secret_opens(caller, old)
        assert secret_opens(caller, caller.secret)


def test_one_that_does_not_run_has_the_new_sign_in_at_its_start(settings: Settings) -> None:
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as caller:
        old = caller.secret
    rotation.sign_in(settings.data, at_once=True)
    with Cloud(settings) as cloud, closing(ArmCaller(cloud)) as caller:
        assert not secret_opens(caller, old)
        assert secret_opens(caller, caller.secret)
    assert not (settings.data / "aside").exists()


def test_no_secret_of_before_is_in_the_folder(settings: Settings) -> None:
    with Cloud(settings):
        pass
    old = (settings.data / "client-secret").read_bytes()
    rotation.sign_in(settings.data, at_once=False)
    with Cloud(settings):
        pass
    table = "previous_sign_ins"
    assert table in (settings.data / "localcloud.db").read_bytes().decode(errors="replace")
    for file in settings.data.rglob("*"):
        assert not file.is_file() or file.name == "localcloud.db" or old not in file.read_bytes(), file


def test_a_ca_takes_the_place_of_another_in_two_steps(running: Status) -> None:
    data = running.ca.parent
    old = running.ca.read_bytes()
    first = rotation.ca(data, at_once=False)
    assert first.before == old
    assert first.after == running.ca.read_bytes()
    assert len(authority.trusted(running.ca)) == 2
    assert not first.is_over
    # who has the old one alone, and who has both, are served
    assert trusts(running, old)
    assert trusts(running, first.after)
    assert rotation.ca(data, at_once=False).after == first.after  # begun is begun
    second = rotation.ca(data, at_once=True)
    assert second.is_over
    assert second.after == running.ca.read_bytes()
    assert len(authority.trusted(running.ca)) == 1
    assert second.after in first.after
    assert trusts(running, first.after)
    assert trusts(running, second.after)
    assert not trusts(running, old)
    assert not (data / "ca-next.key").exists()
    assert control.status(data).pid == running.pid


def test_a_ca_takes_the_place_of_another_at_once_with_blob_storage(tmp_path: Path) -> None:
    status = control.start(parts.settings(tmp_path / "data"))
    try:
        old = status.ca.read_bytes()
        made = rotation.ca(tmp_path / "data", at_once=True)
        for url in (status.https, status.blob):
            changed = replace(status, https=url)
            assert trusts(changed, made.after)
            assert not trusts(changed, old)
    finally:
        control.stop(tmp_path / "data")


@pytest.mark.parametrize("lost", ["ca-next.key", "ca.key"])
def test_a_key_of_a_ca_that_is_lost_on_the_way_stops_nobody(settings: Settings, lost: str) -> None:
    with Cloud(settings):
        pass
    rotation.ca(settings.data, at_once=False)
    (settings.data / lost).unlink()
    rotation.ca(settings.data, at_once=True)
    with Cloud(settings) as cloud:
        assert trusts(cloud.status(), (settings.data / "ca.pem").read_bytes())
    assert len(authority.trusted(settings.data / "ca.pem")) == 1
    assert not (settings.data / "ca-next.key").exists()


@pytest.mark.parametrize("at_once", [False, True])
def test_a_ca_of_one_that_does_not_run(settings: Settings, at_once: bool) -> None:
    with Cloud(settings) as cloud:
        old = (settings.data / "ca.pem").read_bytes()
    rotation.ca(settings.data, at_once=at_once)
    with Cloud(settings) as cloud:
        assert trusts(cloud.status(), (settings.data / "ca.pem").read_bytes())
        assert trusts(cloud.status(), old) is not at_once


_KILLED = """
import os, pathlib, signal, sys
from localcloud import control, rotation
from localcloud.datafolder.store import Store

kill = os.kill
data, what, left = pathlib.Path(sys.argv[1]), sys.argv[2], [int(sys.argv[3])]

def dies_before(owner, name):
    real = getattr(owner, name)
    def step(*arguments, **named):
        if left[0] == 0:
            kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(*arguments, **named)
    setattr(owner, name, step)

for owner, name in (
    (rotation, "write_private"), (pathlib.Path, "replace"), (pathlib.Path, "unlink"), (os, "kill"),
    (rotation.secret_file, "keep"), (Store, "close"), (rotation, "_is_shown"),
):
    dies_before(owner, name)
getattr(rotation, what)(data, at_once=sys.argv[4] == "now")
"""


def killed(data: Path, what: str, step: int, when: str) -> bool:
    """Runs a rotation that is killed before a step: False where it has no such step any more."""
    command = [sys.executable, "-c", _KILLED, str(data), what, str(step), when]
    code = subprocess.run(command, check=False, timeout=60).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("what", ["sign_in", "ca"])
def test_a_rotation_that_is_killed_at_any_step_leaves_what_runs(running: Status, what: str) -> None:
    """It can be reached and signed in to all the time, and the next rotation ends well."""
    data = running.ca.parent
    for when in ("begin", "now"):
        step = 0
        while killed(data, what, step, when):
            assert control.status(data).pid == running.pid
            step += 1
        assert step >= 2
    assert control.status(data).pid == running.pid
    assert len(authority.trusted(running.ca)) == 1


@pytest.mark.parametrize("what", ["sign_in", "ca"])
def test_a_rotation_that_is_killed_at_any_step_leaves_what_starts(settings: Settings, what: str) -> None:
    def starts() -> None:
        with Cloud(settings):
            assert control.status(settings.data).running  # reached and signed in to

    starts()
    for when in ("begin", "now"):
        step = 0
        while killed(settings.data, what, step, when):
            starts()
            step += 1
        assert step >= 2
    starts()
    assert len(authority.trusted(settings.data / "ca.pem")) == 1


def test_a_localcloud_of_another_version_is_left_as_it_is(
    running: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "here", lambda: version.Version("9.9.9", None))
    before = running.ca.read_bytes(), running.client_secret_file.read_bytes()
    for rotate in (rotation.sign_in, rotation.ca):
        with pytest.raises(StartError, match=r"this checkout is 9\.9\.9\. Nothing was changed: restart it"):
            rotate(running.ca.parent, at_once=False)
    assert (running.ca.read_bytes(), running.client_secret_file.read_bytes()) == before


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    for rotate in (rotation.sign_in, rotation.ca):
        with pytest.raises(StartError, match="holds no localcloud's data: name its folder with --data"):
            rotate(tmp_path, at_once=False)
    assert not list(tmp_path.iterdir())


def trusts(status: Status, roots: bytes) -> bool:
    """Whether a caller that has these roots alone takes the certificate."""
    file = status.ca.with_name("roots-of-a-caller.pem")
    file.write_bytes(roots)
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.get(f"{status.https}/health", verify=str(file), timeout=10)
    except requests.exceptions.SSLError:
        return False
    finally:
        file.unlink()
    return True
