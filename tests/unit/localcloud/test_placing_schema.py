"""Wanted replicas as Ray Serve is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.placing import schema
from localcloud.placing.wanted import Wanted

FILES = "10.79.4.1:7000"
ONE = Wanted("one", "1" * 64, 2)


def details(application: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    """An application as Ray Serve shows it, which was told that configuration."""
    return {"source": "declarative", "status": "RUNNING", "deployed_app_config": application} | changed


def test_an_application_names_its_replicas_by_their_service_and_model() -> None:
    told = schema.application(ONE, FILES)
    (deployment,) = told.pop("deployments")
    del deployment["autoscaling_config"]
    assert deployment == {"name": "Replica", "user_config": {"files": FILES}}
    assert told == {
        "name": "one-1111111111111111",
        "import_path": "localcloud.placing.replica:application",
        "route_prefix": None,
        "args": {"service_id": "one", "digest": "1" * 64},
    }


def test_number_and_server_of_files_change_nothing_that_would_replace_replicas() -> None:
    now = schema.application(ONE, FILES)
    then = schema.application(Wanted("one", "1" * 64, 5, most=9), "10.79.4.1:7001")
    assert now != then
    for one in (now, then):
        (deployment,) = one["deployments"]
        del deployment["user_config"]
        del deployment["autoscaling_config"]["min_replicas"], deployment["autoscaling_config"]["max_replicas"]
    assert now == then


@pytest.mark.parametrize(("most", "told"), [(6, (2, 6)), (1, (2, 2)), (None, (2, 2))])
def test_replicas_have_two_bounds(most: int | None, told: tuple[int, int]) -> None:
    (deployment,) = schema.application(Wanted("one", "1" * 64, 2, most), FILES)["deployments"]
    assert "num_replicas" not in deployment  # with which a change to bounds would replace replicas
    found = deployment["autoscaling_config"]
    assert (found["min_replicas"], found["max_replicas"]) == told


def test_applications_of_others_stay_as_they_are() -> None:
    foreign = {"name": "theirs", "import_path": "their.module:app"}
    shown = {
        "theirs": details(foreign),
        "ours": details(schema.application(ONE, FILES)),
        "by hand": details(None, source="imperative"),
        "going": details(None, status="DELETING"),
    }
    found = schema.others(shown, {"ours"})
    assert found == [foreign]
    configuration = schema.configuration([schema.application(ONE, FILES)], found)
    assert [one["name"] for one in configuration["applications"]] == [ONE.application, "theirs"]


def test_nothing_is_known_of_others_while_ray_serve_does_not_know_their_configuration() -> None:
    assert schema.others({"theirs": details(None)}, {"ours"}) is None


@pytest.mark.parametrize(
    ("shown", "deployed"),
    [
        (None, False),
        (details(schema.application(ONE, FILES)), True),
        (details(schema.application(ONE, FILES) | {"runtime_env": {}}), True),  # what we say nothing of
        (details(schema.application(ONE, FILES), status="DELETING"), False),
        (details(schema.application(ONE, "10.79.4.1:7001")), False),
        (details(schema.application(Wanted("one", "1" * 64, 3), FILES)), False),
        (details(None), False),
    ],
)
def test_what_was_told_already_is_not_told_again(shown: dict[str, Any] | None, deployed: bool) -> None:
    seen = {} if shown is None else {ONE.application: shown}
    assert schema.is_deployed(schema.application(ONE, FILES), seen) is deployed
