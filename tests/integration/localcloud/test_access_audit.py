"""The audit log: nothing is changed or refused that is not in it, and nothing else can be written into it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from localcloud import rotation
from localcloud.access import administration, audit
from localcloud.access.roles import CONTRIBUTOR, READER
from localcloud.datafolder import backup
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud import failing_disk
from tests.support.localcloud.arm_caller import ArmCaller, refusal
from tests.support.localcloud.member import Member
from tests.support.waiting import wait_until

WRITE = "Microsoft.Resources/subscriptions/resourceGroups/write"
UNWRITTEN = (
    "localcloud's audit log cannot be written ({}), and what cannot be noted is not done. Nothing was "
    "changed: {}, and try again."
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """One of its own: its log is filled, and its rotated files are counted."""
    os.umask(0o022)
    with Cloud(Settings(tmp_path / "data", tmp_path)) as cloud:
        yield cloud


@pytest.fixture
def arm(cloud: Cloud) -> Iterator[ArmCaller]:
    with closing(ArmCaller(cloud)) as caller:
        yield caller


@pytest.fixture
def group(arm: ArmCaller) -> str:
    path = f"{arm.subscription}/resourceGroups/rg"
    assert arm("PUT", path, {"location": "eastus2"}).status_code == 201
    return path


def files(data: Path) -> list[Path]:
    return sorted(data.glob(f"{audit.FILE}*"))


def lines(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files(data) for line in file.read_text().splitlines()]


def of(data: Path, request_id: str) -> list[int | None]:
    return [line["status"] for line in lines(data) if line.get("request_id") == request_id]


def test_a_change_is_noted_before_it_begins_and_when_it_is_answered(
    cloud: Cloud, arm: ArmCaller, group: str
) -> None:
    data = cloud.settings.data
    for body, status in (({"location": "eastus2"}, 200), ({"location": 1}, 400)):
        answer = arm("PUT", group, body)
        assert answer.status_code == status
        assert of(data, answer.headers["x-ms-request-id"]) == [None, status]
    assert of(data, arm("GET", group).headers["x-ms-request-id"]) == []


def test_nothing_is_lost_where_a_file_is_put_aside(
    cloud: Cloud, arm: ArmCaller, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By many callers at once, and commands beside them."""
    monkeypatch.setattr(audit, "MAX_BYTES", 20_000)
    data = cloud.settings.data
    asked: list[str] = []
    arm.token()

    def change() -> None:
        with closing(ArmCaller(cloud)) as caller:
            for _ in range(30):
                asked.append(caller("PATCH", group, {"tags": {"a": "b"}}).headers["x-ms-request-id"])

    def command() -> None:
        for number in range(100):
            audit.note(data, "test", str(number))

    threads = [threading.Thread(target=change) for _ in range(4)] + [threading.Thread(target=command)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = lines(data)
    assert len(files(data)) > 3
    assert len(asked) == 120
    seen = [line["request_id"] for line in found if line.get("request_id") in set(asked)]
    assert sorted(seen) == sorted(2 * asked)
    assert {line["scope"] for line in found if line["action"] == "test"} == {str(n) for n in range(100)}
    for file in files(data):
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert file.stat().st_size <= 20_000 + 2000


def test_the_oldest_file_goes_and_no_other(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_BYTES", 1)
    log = audit.Audit(cloud.settings.data)
    for number in range(audit.KEPT + 5):
        log.write(audit.line("p", "a", str(number)))
    numbers = [line["scope"] for line in lines(cloud.settings.data)]
    assert sorted(map(int, numbers)) == list(range(4, audit.KEPT + 5))


@pytest.mark.parametrize(
    "name", ['x%0A{"principal":"owner"}', "x%0D%0Ax", "x%E2%80%A8x", "x%00x", "x%22%2C%22status%22%3A200"]
)
def test_a_name_begins_no_line(cloud: Cloud, arm: ArmCaller, group: str, name: str) -> None:
    with closing(Member(cloud, READER)) as reader:
        before = len(lines(cloud.settings.data))
        refused = reader("PUT", f"{arm.subscription}/resourceGroups/{name}", {"location": "eastus2"})
        assert refusal(refused)[:2] == (403, "AuthorizationFailed")
        (line,) = lines(cloud.settings.data)[before:]
        assert (line["principal"], line["status"], line["action"]) == (reader.name, 403, WRITE)


def test_a_refusal_is_noted_though_nobody_waits_for_it(cloud: Cloud, group: str) -> None:
    """The body that was announced never comes."""
    with closing(Member(cloud, READER)) as reader:
        token = reader.token()
        where = urlsplit(str(cloud.status().https))
        context = ssl.create_default_context(cafile=str(cloud.status().ca))
        head = f"DELETE {group}?api-version=2021-04-01 HTTP/1.1\r\nHost: {where.netloc}\r\n"
        head += f"Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n"
        plain = socket.create_connection((str(where.hostname), int(where.port or 0)))
        with context.wrap_socket(plain, server_hostname=where.hostname) as opened:
            opened.sendall(head.encode())

        def is_noted() -> bool:
            return any(
                (line["principal"], line.get("status")) == (reader.name, 403)
                for line in lines(cloud.settings.data)
            )

        wait_until(is_noted, 20)


def test_what_cannot_be_noted_is_not_done(cloud: Cloud, arm: ArmCaller, group: str) -> None:
    data = cloud.settings.data
    with closing(Member(cloud, CONTRIBUTOR)) as member:
        member.token()
        kept = (data / audit.FILE).read_bytes()
        (data / audit.FILE).unlink()
        (data / audit.FILE).mkdir()
        try:
            for caller in (arm, member):
                assert refusal(caller("PATCH", group, {"tags": {"a": "b"}})) == (
                    503,
                    "ServiceUnavailable",
                    UNWRITTEN.format("Is a directory", "have the user who runs localcloud write it"),
                )
                assert caller("GET", group).json()["tags"] == {}
            with pytest.raises(StartError) as refused:
                administration.grant(data, member.name, [READER], group)
            assert str(refused.value) == (
                f"The audit log {data / audit.FILE} cannot be written (Is a directory). Nothing was changed: "
                "have the user who runs localcloud write it, and try again."
            )
            with pytest.raises(StartError, match=r"The audit log .* Nothing was changed: "):
                rotation.sign_in(data, at_once=True)
        finally:
            (data / audit.FILE).rmdir()
            (data / audit.FILE).write_bytes(kept)
        (known,) = [one for one in administration.listing(data) if one.principal.name == member.name]
        assert [one.role for one in known.principal.assignments] == [CONTRIBUTOR]
        assert arm("PATCH", group, {"tags": {"a": "b"}}).status_code == 200


def test_a_full_disk_leaves_no_half_line_and_stops_changes_in_words(
    cloud: Cloud, arm: ArmCaller, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes some bytes of a line, then no more, as a disk does."""
    data = cloud.settings.data
    before = (data / audit.FILE).read_bytes()
    really = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, content: really(file, content[:20]))
        assert refusal(arm("DELETE", group)) == (
            507,
            "InsufficientStorage",
            UNWRITTEN.format("No space left on device", "make room on its disk"),
        )
        assert arm("GET", group).status_code == 200
        with pytest.raises(StartError, match="make room on its disk"):
            backup.write(data, data.with_name("b.tar"), print)
    assert (data / audit.FILE).read_bytes() == before
    assert not data.with_name("b.tar").exists()
    assert arm("DELETE", group).status_code == 200


def test_a_line_that_was_cut_off_by_a_crash_takes_no_other_with_it(cloud: Cloud) -> None:
    file = cloud.settings.data / audit.FILE
    with file.open("a") as opened:
        opened.write('{"time": "2026-')
    audit.note(cloud.settings.data, "test")
    assert json.loads(file.read_text().splitlines()[-1])["action"] == "test"


def test_a_disk_that_is_full_at_the_commit_is_told_with_the_status(tmp_path: Path) -> None:
    with (
        failing_disk.installed() as disk,
        Cloud(Settings(tmp_path / "full", tmp_path)) as cloud,
        closing(ArmCaller(cloud)) as caller,
    ):
        caller.token()
        path = f"{caller.subscription}/resourceGroups/{uuid.uuid4()}"
        disk.fill()
        answer = caller("PUT", path, {"location": "eastus2"})
        disk.heal()
        assert answer.status_code == 507
        assert of(cloud.settings.data, answer.headers["x-ms-request-id"]) == [None, 507]


def test_commands_are_noted_with_who_ran_them(cloud: Cloud, tmp_path: Path) -> None:
    data = cloud.settings.data
    administration.add(data, "ci", [READER], None, None)
    administration.grant(data, "ci", [CONTRIBUTOR], None)
    administration.revoke(data, "ci", [READER], None)
    rotation.ca(data, at_once=False)
    backup.write(data, tmp_path / "b.tar", print)
    administration.remove(data, "ci")
    found = [line for line in lines(data) if line["principal"] == audit.COMMAND]
    assert [line["action"] for line in found] == [
        "principal add",
        "principal grant",
        "principal revoke",
        "rotate ca",
        "backup",
        "principal remove",
    ]
    assert all(line["user"] for line in found)
    backup.restore(tmp_path / "b.tar", tmp_path / "restored", print)
    there = [line["action"] for line in lines(tmp_path / "restored")]
    assert there[-2:] == ["backup", "restore"]
    assert "principal grant" in there
