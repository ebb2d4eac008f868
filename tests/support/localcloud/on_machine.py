"""A localcloud on a machine of a test's own, kept by the commands of its operator."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from localcloud.access.audit import FILE as AUDIT
from localcloud.blob.azurite import EXTENTS
from localcloud.settings import BLOBS, DATABASE, PACKAGES
from localcloud.status import Status
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.machines import Machine
from tests.support.stacks.workplace import Workplace

_OF_SIGN_INS = ('INSERT INTO "principal_uses"', 'INSERT INTO "folder"')


class OperatedCloud:
    """A localcloud that `up` starts with the same options each time.

    Attributes:
        place: the checkout whose `fpga` its operator types.
    """

    def __init__(self, place: Workplace, data: Path, *options: str) -> None:
        self.place, self.data, self._options = place, data, options

    @property
    def machine(self) -> Machine:
        return self.place.machine

    def up(self) -> Status:
        """Starts it: its status."""
        return self._status("up", *self._options)

    def status(self) -> Status:
        """Its status, as it is told on its own machine."""
        return self._status("status")

    def kill(self) -> None:
        """SIGKILL, as the system does where memory is gone."""
        pid = self.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def principal(self, name: str, *options: str) -> str:
        """Adds a principal: its client ID."""
        told = self.place.fpga("cloud", "principal", "add", name, *options, "--data", str(self.data))
        found = re.search(r"client ID is (\S+)\.\n", told)
        assert found is not None, told
        return found[1]

    def trust(self, name: str, issuer: str, subject: str) -> None:
        """Has an issuer's tokens sign a principal in."""
        trusted = ("--issuer", issuer, "--subject", subject)
        self.place.fpga("cloud", "principal", "trust", name, *trusted, "--data", str(self.data))

    @contextmanager
    def owner(self) -> Iterator[ArmCaller]:
        """Its owner, who calls it on its own machine. This thread is there inside the block."""
        with self.machine.entered(), closing(ArmCaller(self.status())) as caller:
            yield caller

    def content(self) -> list[str]:
        """All that it keeps: every row of its database, but for when who signed in and how many commits there
        were, and every package and blob by its digest.
        """
        with closing(sqlite3.connect(f"{self.data.as_uri()}/{DATABASE}?mode=ro", uri=True)) as db:
            rows = [row for row in db.iterdump() if not row.startswith(_OF_SIGN_INS)]
        files = [
            f"{file.relative_to(self.data)} {hashlib.sha256(file.read_bytes()).hexdigest()}"
            for folder in (self.data / PACKAGES, self.data / BLOBS / EXTENTS)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        ]
        return rows + files

    def refusals(self, principal: str) -> list[dict[str, Any]]:
        """What the audit log tells that a principal was refused."""
        lines = [json.loads(line) for line in (self.data / AUDIT).read_text().splitlines()]
        return [one for one in lines if one["principal"] == principal and one.get("status") == 403]

    def _status(self, command: str, *options: str) -> Status:
        told = json.loads(self.place.fpga("cloud", command, "--data", str(self.data), "--json", *options))
        return Status.from_json(told)
