"""A localcloud with replicas on its own machine: deployed to, swapped, scaled, deleted, while callers call.

`python -m tests.support.cluster.operated HEAD CREDENTIALS DATA` runs on that machine, and prints a line of
JSON with what it has seen.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.cluster.services import Callers, answer, mean, total
from tests.support.localcloud.data_plane import DataPlane, PackageHost, serving
from tests.support.waiting import wait_until


def main(head: str, credentials: str, data: str) -> None:
    """See above."""
    options = ("--ray", head, "--ray-token", f"{credentials}/token", "--ray-tls", credentials)
    seen: dict[str, Any] = {"took_s": {}}

    def timed(name: str, done: dict[str, Any]) -> None:
        seen["took_s"][name] = round(time.monotonic() - began, 1)
        assert done["state"] == "Succeeded", done

    with PackageHost().running() as packages:
        first, second = packages.put("/c/mean.zip", mean()), packages.put("/c/total.zip", total())
        with serving(Path(data), None, *options) as (plane, _process):
            plane.make_account()
            models = plane.register(first), plane.register(second)
            began = time.monotonic()
            service = plane.deploy(models[0])
            seen["took_s"]["deploy"] = round(time.monotonic() - began, 1)
            seen["first"] = answer(service)
            with Callers(service) as callers:
                began = time.monotonic()
                timed("swap", plane.update(service["id"], models[1]))
                began = time.monotonic()
                timed("3", scaled(plane, service, 3))
                began = time.monotonic()
                timed("1", scaled(plane, service, 1))
                answered = len(callers.answers)
                wait_until(lambda: len(callers.answers) > answered + 100)
            seen["second"] = answer(service)
            seen["failed"] = [f"{one.code()} {one.details()}" for one in callers.failed]
            seen["answers"], seen["calls"] = sorted(set(callers.answers)), len(callers.answers)
            seen["slowest_s"] = round(callers.slowest_s, 2)
            seen["health"] = plane.call("GET", f"{plane.host}/health").json()
        with serving(Path(data), None, *options) as (plane, _process):
            began = time.monotonic()
            seen["again"] = answer(service)
            seen["took_s"]["again"] = round(time.monotonic() - began, 1)
            began = time.monotonic()
            timed("delete", plane.finish(plane.call("DELETE", f"services/{service['id']}")))
            wait_until(lambda: '"applications": []' in (Path(data) / "placed.json").read_text())
            seen["took_s"]["gone"] = round(time.monotonic() - began, 1)
    print(json.dumps(seen))


def scaled(plane: DataPlane, service: dict[str, Any], number: int) -> dict[str, Any]:
    """The operation of another number of replicas, once it has ended."""
    return plane.finish(plane.call("PATCH", f"services/{service['id']}", {"numReplicas": number}))


if __name__ == "__main__":
    main(*sys.argv[1:])
