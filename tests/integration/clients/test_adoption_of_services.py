"""What a run that died has left is continued: one service, whatever state it was left in.

The data plane is a script: states such as a create that still runs cannot be held still otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pulumi.dynamic import Config
from pulumi.output import Unknown

from clients.azure import errors
from clients.azure.cloud import Cloud, Endpoints
from clients.azure.model_management import ModelManagement, ServiceRequest, Tls
from clients.azure.operations import Waiter
from clients.azure.settings import AzureSettings
from clients.azure.takeover import ensure_model, ensure_service
from clients.http import Pipeline
from infra.providers import engine_log
from infra.providers.existing_model import ExistingModelProvider
from infra.providers.move import subscription_of
from infra.providers.service import ServiceProvider
from tests.support.servers.scripted_server import Reply, ScriptedServer

ACCOUNT_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningModelManagement/accounts/a"
BASE = "/api/subscriptions/s/resourcegroups/g/accounts/a"
REQUEST = ServiceRequest("svc", "model-1", Tls("CERTIFICATE", "KEY"))

CLOUD = AzureSettings("unused", "t", subscription_of(ACCOUNT_ID), "c", "secret", False)
ACCEPTED = Reply(202, {}, {"Operation-Location": f"{BASE}/operations/o", "retry-after-ms": "0"})
OPERATION_DONE = Reply(200, {"id": "o", "state": "Succeeded", "resourceLocation": f"{BASE}/services/1"})


def service(state: str = "Succeeded", id_: str = "1") -> dict[str, Any]:
    return {
        "id": id_,
        "name": "svc",
        "state": state,
        "ipAddress": "127.80.0.1",
        "port": 50051,
        "modelId": "model-1",
    }


def listed(*items: dict[str, Any]) -> Reply:
    return Reply(200, {"value": list(items)})


@contextmanager
def managing(*script: Reply) -> Iterator[tuple[ModelManagement, ScriptedServer]]:
    """A client of the scripted account; the script starts after the account has told its endpoint."""
    account = Reply(200, {"properties": {}})
    with ScriptedServer(account, *script).running() as server:
        account.body["properties"]["modelManagementSwaggerLocation"] = f"{server.url}/swagger.json"
        cloud = Cloud(CLOUD)
        cloud.__dict__["endpoints"] = Endpoints("https://unused", server.url, "scope")
        cloud.pipeline = Pipeline(lambda: "token")
        yield ModelManagement(cloud, ACCOUNT_ID, Waiter(sleep=lambda _: None)), server
        cloud.pipeline.close()


def sent(server: ScriptedServer) -> list[str]:
    """What was asked of the data plane, without queries."""
    return [f"{seen.method} {seen.path.split('?')[0].removeprefix(BASE)}" for seen in server.seen[1:]]


def test_a_service_that_is_not_there_is_created() -> None:
    script = (listed(), ACCEPTED, Reply(200, {"state": "Running"}), OPERATION_DONE, Reply(200, service()))
    with managing(*script) as (management, server):
        made = ensure_service(management, REQUEST, adopt=True)

    assert (made.id, made.address, made.port) == ("1", "127.80.0.1", 50051)
    assert sent(server) == ["GET /services", "POST /services", *["GET /operations/o"] * 2, "GET /services/1"]
    assert server.seen[2].body == {
        "computeType": "FPGA",
        "name": "svc",
        "modelId": "model-1",
        "numReplicas": 1,
        "sslEnabled": True,
        "sslCertificate": "CERTIFICATE",
        "sslKey": "KEY",
    }


def test_one_that_serves_is_brought_up_to_date() -> None:
    script = (listed(service()), Reply(200, service()), ACCEPTED, OPERATION_DONE, Reply(200, service()))
    with managing(*script) as (management, server):
        assert ensure_service(management, REQUEST, adopt=True).id == "1"

    assert [request for request in sent(server) if not request.startswith("GET")] == ["PUT /services/1"]


def test_it_has_the_declared_number_of_replicas_then() -> None:
    script = (listed(service()), Reply(200, service()), ACCEPTED, OPERATION_DONE, Reply(200, service()))
    request = replace(REQUEST, replicas=2, most_replicas=5)
    with managing(*script) as (management, server):
        ensure_service(management, request, adopt=True)

    (put,) = [seen.body for seen in server.seen if seen.method == "PUT"]
    assert isinstance(put, dict)
    assert put["autoScaler"] == {"autoscaleEnabled": True, "minReplicas": 2, "maxReplicas": 5}
    assert "numReplicas" not in put


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"numReplicas": 3}, (3, None, 3)),
        ({"numReplicas": 3, "autoScaler": {"autoscaleEnabled": False, "maxReplicas": 9}}, (3, None, 3)),
        # how many there are just now of those that follow the calls is of no matter
        (
            {
                "numReplicas": 4,
                "autoScaler": {"autoscaleEnabled": True, "minReplicas": 2, "maxReplicas": 5},
            },
            (2, 5, 5),
        ),
    ],
)
def test_a_number_of_replicas_is_what_was_asked_for(
    told: dict[str, object], expected: tuple[int, int | None, int]
) -> None:
    with managing(Reply(200, service() | told)) as (management, _):
        found = management.service("1")
    assert found is not None
    assert (found.replicas, found.most_replicas, found.fpgas) == expected


def test_one_whose_create_still_runs_is_waited_for() -> None:
    running = [Reply(200, service(state)) for state in ("NotStarted", "Running", "Succeeded")]
    script = (listed(service("NotStarted")), *running, ACCEPTED, OPERATION_DONE, Reply(200, service()))
    with managing(*script) as (management, server):
        assert ensure_service(management, REQUEST, adopt=True).id == "1"

    assert [request for request in sent(server) if not request.startswith("GET")] == ["PUT /services/1"]


def test_one_that_failed_is_deleted_and_made_again() -> None:
    again = Reply(200, {"id": "o", "state": "Succeeded", "resourceLocation": f"{BASE}/services/2"})
    script = (
        listed(service("Failed")),
        Reply(200, service("Failed")),
        ACCEPTED,
        OPERATION_DONE,
        ACCEPTED,
        again,
        Reply(200, service(id_="2")),
    )
    with managing(*script) as (management, server):
        assert ensure_service(management, REQUEST, adopt=True).id == "2"

    assert [request for request in sent(server) if not request.startswith("GET")] == [
        "DELETE /services/1",
        "POST /services",
    ]


def test_one_that_goes_while_it_is_waited_for_is_made_again() -> None:
    gone = Reply(404, {"error": {"code": "ServiceNotFound", "message": "There is none."}})
    still_there = Reply(
        200, {"properties": {}}
    )  # the account, asked to tell a missing service from a missing account
    script = (
        listed(service("Running")), gone, still_there, ACCEPTED, OPERATION_DONE, Reply(200, service()),
    )  # fmt: skip
    with managing(*script) as (management, server):
        assert ensure_service(management, REQUEST, adopt=True).id == "1"

    assert "POST /services" in sent(server)


def test_one_made_between_look_and_request_is_continued() -> None:
    conflict = Reply(409, {"error": {"code": "Conflict", "message": "It exists."}})
    updated = (Reply(200, service()), ACCEPTED, OPERATION_DONE, Reply(200, service()))
    script = (listed(), conflict, listed(service()), *updated)
    with managing(*script) as (management, _):
        assert ensure_service(management, REQUEST, adopt=True).id == "1"


BUSY = Reply(503, {"error": {"code": "ServerBusy", "message": "Try again."}})
LOST = Reply(0)


@pytest.mark.parametrize("failure", [BUSY, LOST], ids=["503", "lost"])
@pytest.mark.parametrize("adopt", [True, False])
def test_one_whose_answer_was_lost_is_continued(failure: Reply, adopt: bool) -> None:
    updated = (Reply(200, service()), ACCEPTED, OPERATION_DONE, Reply(200, service()))
    with managing(listed(), failure, listed(service()), *updated) as (management, server):
        assert ensure_service(management, REQUEST, adopt=adopt).id == "1"

    assert [one for one in sent(server) if not one.startswith("GET")] == ["POST /services", "PUT /services/1"]


def test_a_create_of_which_nothing_came_is_sent_again() -> None:
    with managing(listed(), BUSY, listed(), ACCEPTED, OPERATION_DONE, Reply(200, service())) as (
        management, server,
    ):  # fmt: skip
        assert ensure_service(management, REQUEST, adopt=True).id == "1"

    assert sent(server).count("POST /services") == 2


def test_a_create_that_may_be_under_way_is_not_sent_again() -> None:
    with (
        managing(listed(), LOST, listed()) as (management, server),
        pytest.raises(errors.ConnectionFailed, match="whether the request arrived is not known"),
    ):
        ensure_service(management, REQUEST, adopt=True)

    assert sent(server).count("POST /services") == 1


@pytest.mark.parametrize("failure", [BUSY, LOST], ids=["503", "lost"])
def test_a_model_whose_answer_was_lost_is_registered_once(failure: Reply) -> None:
    there = listed({"id": "m", "name": "model-x"})
    with managing(listed(), failure, there) as (management, server):
        assert ensure_model(management, "model-x", lambda: "https://blobs.test/x.zip").id == "m"

    assert sent(server).count("POST /models") == 1


def test_a_model_that_may_be_registered_yet_is_not_sent_again() -> None:
    """A gateway that gave up says 503, and the model may come behind it: a second would be its next one."""
    gave_up = Reply(503, {"error": {"code": "GatewayTimeout", "message": "It takes too long."}})
    with managing(listed(), gave_up, listed()) as (management, server), pytest.raises(errors.ServiceError):
        ensure_model(management, "model-x", lambda: "https://blobs.test/x.zip")

    assert sent(server).count("POST /models") == 1


def test_a_model_that_was_put_off_is_sent_again() -> None:
    made = Reply(200, {"id": "m", "name": "model-x"})
    with managing(listed(), BUSY, listed(), made) as (management, server):
        assert ensure_model(management, "model-x", lambda: "https://blobs.test/x.zip").id == "m"

    assert sent(server).count("POST /models") == 2


def test_a_conflict_with_the_attempt_before_is_no_other_ones_service() -> None:
    conflict = Reply(409, {"error": {"code": "Conflict", "message": "It exists."}})
    updated = (Reply(200, service()), ACCEPTED, OPERATION_DONE, Reply(200, service()))
    with managing(listed(), BUSY, listed(), conflict, listed(service()), *updated) as (management, _):
        assert ensure_service(management, REQUEST, adopt=False).id == "1"


def test_a_service_that_is_made_again_may_lose_its_answer_too() -> None:
    again = (ACCEPTED, OPERATION_DONE, LOST, listed(service(id_="2")))
    updated = (ACCEPTED, OPERATION_DONE, Reply(200, service(id_="2")))
    with managing(listed(service("Failed")), Reply(200, service("Failed")), *again, *updated) as (
        management, server,
    ):  # fmt: skip
        assert ensure_service(management, REQUEST, adopt=True).id == "2"

    assert sent(server).count("POST /services") == 1


@pytest.mark.parametrize(
    ("there", "config", "refused"),
    [
        ([service("Running")], {}, False),
        ([service("Failed")], {}, False),
        ([service("Running") | {"modelId": "model-2"}], {}, True),
        ([service("Running")], {"fpga-web-service:modelId": "model-1"}, True),
        (
            [service("Running")],
            {"fpga-web-service:services": '[{"name": "a"}, {"name": "b", "modelId": "model-1"}]'},
            True,
        ),
        ([service("Running"), service("Running", "2")], {}, True),
        ([service("Succeeded") | {"ipAddress": "127.0.0.1", "port": 1}], {}, True),
    ],
    ids=["starts", "failed", "another model", "another's model", "another's in the list", "two", "no answer"],
)
def test_what_this_stack_made_needs_no_consent(
    there: list[dict[str, Any]], config: dict[str, str], refused: bool
) -> None:
    with managing(listed(*there)) as (management, _):
        provider = ScriptedServiceProvider(management, config)
        news = {"name": "svc", "model_id": "model-1", "ssl_enabled": True, "fingerprint": "AB"}
        failures = provider.check({}, OLDS | news).failures

    assert [failure.property for failure in failures] == (["name"] if refused else [])


def test_keys_are_not_made_anew_twice() -> None:
    with managing(BUSY) as (management, server), pytest.raises(errors.ServiceError, match="503 ServerBusy"):
        management.regenerate_key("1", "Primary")

    assert sent(server) == ["POST /services/1/regenerateKeys"]


def test_a_set_name_that_is_taken_is_refused() -> None:
    with managing(listed(service())) as (management, server), pytest.raises(errors.NameTaken) as caught:
        ensure_service(management, REQUEST, adopt=False)

    assert "there is a service named svc already (1)" in str(caught.value)
    assert "pulumi config set fpga-web-service:adopt true" in str(caught.value)
    assert sent(server) == ["GET /services"]


class ScriptedServiceProvider(ServiceProvider):
    """The provider of a plugin whose account is a script."""

    def __init__(self, management: ModelManagement, config: dict[str, str] | None = None) -> None:
        self._management = management
        self._config = Config(config or {}, "fpga-web-service")

    def management(self, account_id: str) -> ModelManagement:
        return self._management

    def management_cloud(self) -> AzureSettings:
        return CLOUD


OLDS = {"account_id": ACCOUNT_ID, "name": "old", "adopt": False}


@pytest.mark.parametrize(
    ("olds", "changes", "answers", "refused"),
    [
        (OLDS, {"name": "svc"}, [listed(service())], True),
        ({}, {"name": "svc"}, [listed(service())], True),
        (OLDS, {"name": "svc"}, [listed()], False),
        (OLDS, {}, [], False),
        (OLDS, {"name": "svc", "account_id": Unknown()}, [], False),  # type: ignore[no-untyped-call]
    ],
    ids=["taken", "taken at creation", "free", "as it was", "account not there yet"],
)
def test_a_preview_refuses_a_set_name_that_is_taken(
    olds: dict[str, Any], changes: dict[str, Any], answers: list[Reply], refused: bool
) -> None:
    with managing(*answers) as (management, server):
        result = ScriptedServiceProvider(management).check(olds, OLDS | changes)

    assert [failure.property for failure in result.failures] == (["name"] if refused else [])
    assert len(sent(server)) == len(answers)


OF_THE_SERVICE = {
    "serving": (
        service(),
        True,
        "The service svc (1) is there already, at 127.80.0.1:50051: it is taken over rather than made. It "
        "keeps address and keys, moves to the declared model, and serves the declared certificate from then "
        "on.",
    ),
    "of more replicas": (
        service() | {"numReplicas": 3},
        True,
        "serves the declared certificate from then on. Its number of replicas goes from 3 to 1, unless it is "
        "declared: fpga-web-service:replicas 3.",
    ),
    "that scales": (
        service()
        | {"numReplicas": 1, "autoScaler": {"autoscaleEnabled": True, "minReplicas": 1, "maxReplicas": 4}},
        True,
        "Its number of replicas goes from between 1 and 4 to 1, unless it is declared: "
        "fpga-web-service:replicas 1 and fpga-web-service:maxReplicas 4.",
    ),
    "to be open": (service(), False, "goes on without SSL, open to anyone"),
    "failed": (service("Failed"), True, "is there already and has failed: it is deleted and made again"),
}


@pytest.mark.parametrize("case", OF_THE_SERVICE)
def test_a_preview_says_that_a_service_is_taken_over(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    there, ssl, expected = OF_THE_SERVICE[case]
    engine_log.warn_once.cache_clear()
    with managing(listed(there)) as (management, _):
        news = {**OLDS, "name": "svc", "adopt": True, "ssl_enabled": ssl}
        result = ScriptedServiceProvider(management).check({}, news)

    assert result.failures == []
    assert expected in capsys.readouterr().err  # no engine listens here


DECLARED = {
    **OLDS,
    "name": "svc",
    "model_id": "model-1",
    "ssl_enabled": False,
    "ssl_certificate": "",
    "ssl_key": "",
    "fingerprint": "",
}
SCALER = {"autoscaleEnabled": True, "minReplicas": 2, "maxReplicas": 5}
FEWER = {
    "desiredReplicas": 3,
    "availableReplicas": 1,
    "error": {"code": "ReplicasNotAvailable", "message": "This localcloud places no replicas."},
}


@pytest.mark.parametrize(
    ("declared", "told", "warning"),
    [
        ({}, {"numReplicas": 1}, ""),
        ({"replicas": 3.0}, {"numReplicas": 3}, ""),
        ({"replicas": 2.0, "max_replicas": 5.0}, {"numReplicas": 4, "autoScaler": SCALER}, ""),
        (
            {"replicas": 3.0},
            {"numReplicas": 3, "deploymentStatus": FEWER},
            "The service svc: This localcloud places no replicas.",
        ),
        (
            {"replicas": 2.0, "max_replicas": 5.0},
            {"numReplicas": 1},
            "The service svc tells another number of replicas than it was given just now: somebody else "
            "scales it, or the account's server is of a version that knows no autoScaler.",
        ),
    ],
)
def test_an_update_warns_of_replicas_that_are_not_there(
    declared: dict[str, Any], told: dict[str, Any], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine_log.warn_once.cache_clear()
    with managing(ACCEPTED, OPERATION_DONE, Reply(200, service() | told)) as (management, _):
        result = ScriptedServiceProvider(management).update("1", DECLARED, DECLARED | declared)

    assert result.outs is not None
    assert {key: result.outs[key] for key in declared} == declared
    assert capsys.readouterr().err == (f"warning: {warning}\n" if warning else "")


@pytest.mark.parametrize(
    ("declared", "told", "seen"),
    [
        ({}, {"numReplicas": 1}, {}),
        ({}, {"numReplicas": 3}, {"replicas": 3}),
        ({"replicas": 3.0}, {"numReplicas": 1}, {}),
        # how many follow the calls just now is no drift, whatever the server tells of it
        (
            {"replicas": 2.0, "max_replicas": 5.0},
            {"numReplicas": 4, "autoScaler": SCALER},
            {"replicas": 2, "max_replicas": 5},
        ),
        ({"replicas": 2.0, "max_replicas": 5.0}, {"numReplicas": 2}, {"replicas": 2}),
    ],
)
def test_a_refresh_reads_the_number_that_was_asked_for_last(
    declared: dict[str, Any], told: dict[str, Any], seen: dict[str, int]
) -> None:
    failed = service("Failed") | told  # one that serves is looked at on the wire, too
    with managing(Reply(200, failed)) as (management, _):
        provider = ScriptedServiceProvider(management)
        read = provider.read("1", DECLARED | declared)

    for props in (read.inputs, read.outs):
        assert props is not None
        assert {key: value for key, value in props.items() if "replicas" in key} == seen


def test_a_service_of_several_waits_for_what_another_one_gives_back() -> None:
    used_up = Reply(412, {"error": {"code": "FpgaQuotaExceeded", "message": "No FPGA is left."}})
    none_at_all = Reply(412, {"error": {"code": "ServiceLimitReached", "message": "No room."}})
    several = {"fpga-web-service:services": "[]"}
    script = (used_up, used_up, ACCEPTED, OPERATION_DONE, Reply(200, service() | {"numReplicas": 3}))
    with managing(*script) as (management, server):
        ScriptedServiceProvider(management, several).update("1", DECLARED, DECLARED | {"replicas": 3.0})
    assert [one for one in sent(server) if one.startswith("PUT")] == ["PUT /services/1"] * 3

    for config, answer in (({}, used_up), (several, none_at_all)):
        with managing(answer) as (management, server), pytest.raises(errors.QuotaExceeded):
            ScriptedServiceProvider(management, config).update("1", DECLARED, DECLARED | {"replicas": 3.0})
        assert sent(server) == ["PUT /services/1"]


def test_an_operation_that_fails_tells_why() -> None:
    failed = {
        "id": "o",
        "state": "Failed",
        "error": {
            "message": "The model cannot run.",
            "details": [{"code": "X", "message": "no such model_ref"}],
        },
    }
    script = (listed(), ACCEPTED, Reply(200, failed))
    with managing(*script) as (management, _), pytest.raises(errors.OperationFailed) as caught:
        ensure_service(management, REQUEST, adopt=True)

    assert str(caught.value) == "creating the service svc: The model cannot run. (no such model_ref)"


def test_a_quota_that_is_used_up_is_told() -> None:
    used_up = Reply(412, {"error": {"code": "QuotaExceeded", "message": "No FPGA is left."}})
    with managing(listed(), used_up) as (management, _), pytest.raises(errors.QuotaExceeded) as caught:
        ensure_service(management, REQUEST, adopt=True)

    assert "412 QuotaExceeded: No FPGA is left." in str(caught.value)


@pytest.mark.parametrize("code", ["ResourceNotFound", "ResourceGroupNotFound"])
def test_what_was_in_an_account_that_is_gone_is_gone(code: str) -> None:
    gone = Reply(404, {"error": {"code": code, "message": "There is none."}})
    with managing(*[gone] * 5) as (management, _):
        assert management.service("1") is None
        assert management.keys("1") is None
        assert management.model("m") is None


def test_another_subscription_proves_nothing() -> None:
    other = Reply(404, {"error": {"code": "SubscriptionNotFound", "message": "There is no such."}})
    with managing(*[other] * 5) as (management, _):
        for ask in (management.service, management.keys, management.model):
            with pytest.raises(errors.NotFound, match="404 SubscriptionNotFound: There is no such"):
                ask("1")


def test_a_model_is_found_by_its_id() -> None:
    models = listed({"id": "m", "name": "model-x"}, {"id": "n", "name": "other"})
    with managing(models, models) as (management, _):
        found = management.model("n")
        assert (found and found.name, management.model("o")) == ("other", None)


def test_a_model_with_the_name_is_not_uploaded_again() -> None:
    def upload() -> str:
        raise AssertionError("the package must not be uploaded")

    with managing(listed({"id": "m", "name": "model-x"}, {"id": "n", "name": "other"})) as (management, _):
        assert ensure_model(management, "model-x", upload).id == "m"


def test_lists_are_followed_to_their_end() -> None:
    first = Reply(200, {"value": [{"id": "m", "name": "other"}]})
    with managing(first, listed({"id": "n", "name": "model-x"})) as (management, server):
        first.body["nextLink"] = f"{server.url}{BASE}/models?page=2"

        assert [model.id for model in management.models_named("model-x")] == ["n"]

    assert server.seen[2].path == f"{BASE}/models?page=2"


class ScriptedModelProvider(ExistingModelProvider):
    def __init__(self, management: ModelManagement) -> None:
        self._management = management

    def management(self, account_id: str) -> ModelManagement:
        return self._management

    def management_cloud(self) -> AzureSettings:
        return CLOUD


MODELS = ({"id": "m", "name": "resnet"}, {"id": "n", "name": "densenet"})


def test_a_model_that_is_there_is_used_and_never_deleted() -> None:
    news = {"account_id": ACCOUNT_ID, "model_id": "m"}
    with managing(*[listed(*MODELS)] * 3, listed()) as (management, server):
        provider = ScriptedModelProvider(management)
        assert provider.check({}, news).failures == []
        created = provider.create(news)
        assert (created.id, created.outs) == ("m", news | {"name": "resnet"})
        read = provider.read("m", created.outs or {})
        assert (read.id, read.outs, read.inputs) == ("m", created.outs, news)
        assert provider.read("m", news).id is None, "one that is gone must be seen"
        provider.delete("m", news)

    assert sent(server) == ["GET /models"] * 4


def test_a_preview_refuses_a_model_that_is_not_there() -> None:
    with managing(listed(*MODELS)) as (management, _):
        news = {"account_id": ACCOUNT_ID, "model_id": "x"}
        (failure,) = ScriptedModelProvider(management).check({}, news).failures

    assert failure.property == "model_id"
    assert failure.reason == (
        "fpga-web-service:modelId is 'x': the account has no model of this id. Its models are: m (resnet), "
        "n (densenet). Set one of them, or remove modelId and set fpga-web-service:modelPackage"
    )
