"""The status of a localcloud, and its JSON: told by this version, and by one of before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.status import (
    CertificateStatus,
    EdgeStatus,
    ListenerStatus,
    ReplicasStatus,
    ServiceStatus,
    Status,
)
from localcloud.version import UNTOLD, Version

RUNNING = Status(
    https="https://127.0.0.1:20001",
    ca=Path("/data/ca.pem"),
    tenant="tenant",
    subscription="subscription",
    client_id="client",
    client_secret_file=Path("/data/client-secret"),
    dns="127.0.0.1:20002",
    blob="https://127.0.0.1:20003",
    pid=7,
    services=(
        ServiceStatus("classifier", "Succeeded", "127.80.0.1", 50051, ssl=True),
        ServiceStatus("placed", "Succeeded", "127.80.0.2", 50051, ssl=True, replicas=3, answering=2),
        ServiceStatus("fresh", "Creating", None, None, ssl=False),
    ),
    listeners=(ListenerStatus("DNS server", "10.0.0.5:53", "other machines", "nothing", "203.0.113.5:53"),),
    version=Version("0.1.0", "c" * 40),
    certificate=CertificateStatus("files", "2027-01-01T00:00:00Z", "it expired", ("open to all",)),
    execution_providers=("openvino", "cpu"),
    edge=EdgeStatus("envoy", "1.40.0", 9, 2),
    replicas=ReplicasStatus("10.0.0.5:6379", False, "2026-11-29T12:00:00+00:00", 0, 11, 3, "Nobody answers."),
)
TOLD: dict[str, Any] = {
    "https": "https://127.0.0.1:20001",
    "ca": "/data/ca.pem",
    "tenant": "tenant",
    "subscription": "subscription",
    "client_id": "client",
    "client_secret_file": "/data/client-secret",
    "dns": "127.0.0.1:20002",
    "blob": "https://127.0.0.1:20003",
    "pid": 7,
    "services": [
        {"name": "classifier", "state": "Succeeded", "address": "127.80.0.1", "port": 50051, "ssl": True},
        {
            "name": "placed",
            "state": "Succeeded",
            "address": "127.80.0.2",
            "port": 50051,
            "ssl": True,
            "replicas": 3,
            "answering": 2,
        },
        {"name": "fresh", "state": "Creating", "address": None, "port": None, "ssl": False},
    ],
    "listeners": [
        {
            "name": "DNS server",
            "listens": "10.0.0.5:53",
            "reach": "other machines",
            "asks": "nothing",
            "told": "203.0.113.5:53",
        }
    ],
    "version": "0.1.0",
    "commit": "c" * 40,
    "needs_roots": True,
    "certificate": {
        "source": "files",
        "expires": "2027-01-01T00:00:00Z",
        "trouble": "it expired",
        "notes": ["open to all"],
    },
    "execution_providers": ["openvino", "cpu"],
    "edge": {"proxy": "envoy", "version": "1.40.0", "pid": 9, "restarts": 2},
    "replicas": {
        "head": "10.0.0.5:6379",
        "connected": False,
        "since": "2026-11-29T12:00:00+00:00",
        "nodes": 0,
        "pid": 11,
        "restarts": 3,
        "trouble": "Nobody answers.",
    },
    "running": True,
}


def test_its_json_has_the_keys_that_programs_read() -> None:
    assert RUNNING.to_json() == TOLD
    assert json.loads(json.dumps(RUNNING.to_json())) == TOLD
    stopped = replace(RUNNING, pid=None, services=(), listeners=(), version=UNTOLD).to_json()
    changed: dict[str, Any] = {"pid": None, "services": [], "listeners": []}
    changed |= {"version": None, "commit": None, "running": False}
    assert stopped == TOLD | changed


def test_what_there_is_to_know_of_a_service_is_told_and_read_back() -> None:
    service = ServiceStatus(
        "moved", "Failed", "203.0.113.9", 443, ssl=True, listens="10.0.0.9:443", note="It stays."
    )
    told = replace(RUNNING, services=(service,))
    assert (
        told.to_json()["services"][0] | {"listens": "10.0.0.9:443", "note": "It stays."}
        == (told.to_json()["services"][0])
    )
    assert Status.from_json(told.to_json()) == told


def test_what_was_told_is_read_back() -> None:
    assert Status.from_json(TOLD) == RUNNING
    assert Status.from_json(Status.from_json(TOLD).to_json()) == RUNNING


def test_one_of_another_version_is_understood() -> None:
    """Of before there were versions, which told neither; and a later one, which tells more."""
    later_keys = (
        "version",
        "commit",
        "running",
        "needs_roots",
        "certificate",
        "listeners",
        "execution_providers",
        "edge",
    )
    before = {key: value for key, value in TOLD.items() if key not in later_keys}
    told = Status.from_json(before | {"alive": True})
    assert told == replace(
        RUNNING, version=UNTOLD, certificate=None, listeners=(), execution_providers=(), edge=None
    )
    later = TOLD | {"uptime_s": 5, "services": [one | {"cores": 1} for one in TOLD["services"]]}
    later["listeners"] = [one | {"open": 3} for one in TOLD["listeners"]]
    assert Status.from_json(later) == RUNNING


@pytest.mark.parametrize("told", [{}, {**TOLD, "services": None}, {**TOLD, "services": [{}]}])
def test_what_is_no_status_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="this is no status of a localcloud: "):
        Status.from_json(told)
