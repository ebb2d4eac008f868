"""Rotation of keys as configuration: what is refused, what is made anew, and what an old state means."""

from __future__ import annotations

from typing import Any

import pytest

from clients.azure.model_management import Keys
from infra.providers import engine_log
from infra.providers.endpoint_check import EndpointCheckProvider
from infra.providers.keys import KeysProvider
from tests.support.provider_states import CHECK, UNKNOWN

OLD_STATE = {
    "account_id": "/subscriptions/s",
    "service_id": "1",
    "primary_key": "P1",
    "secondary_key": "S1",
}
STATE = OLD_STATE | {"primary_generation": 1.0, "secondary_generation": 1.0}
REASON = "fpga-web-service:{}KeyGeneration"


def inputs(primary: int, secondary: int, service_id: object = "1") -> dict[str, Any]:
    return {
        "account_id": "/subscriptions/s",
        "service_id": service_id,
        "primary_generation": float(primary),
        "secondary_generation": float(secondary),
    }


def refusals(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    return [failure.reason for failure in KeysProvider().check(olds, news).failures]


class ServiceKeys:
    """The keys as the service has them; remembers what was asked."""

    def __init__(self, primary: str = "P1", secondary: str = "S1") -> None:
        self.now = Keys(primary, secondary)
        self.asked: list[str] = []

    def keys(self, service_id: str) -> Keys:
        assert service_id == "1"
        return self.now

    def regenerate_key(self, service_id: str, which: str) -> Keys:
        assert service_id == "1"
        self.asked.append(which)
        made = f"new-{len(self.asked)}"
        primary, secondary = self.now.primary, self.now.secondary
        self.now = Keys(made, secondary) if which == "Primary" else Keys(primary, made)
        return self.now


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> ServiceKeys:
    fake = ServiceKeys()
    monkeypatch.setattr(KeysProvider, "management", lambda *_: fake)
    return fake


@pytest.fixture(autouse=True)
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(engine_log, "warn_once", told.append)
    return told


def test_a_state_from_before_generations_is_generation_one(warnings: list[str]) -> None:
    provider = KeysProvider()

    assert not provider.diff("1", OLD_STATE, inputs(1, 1)).changes
    assert not provider.diff("1", STATE, inputs(1, 1)).changes
    assert provider.diff("1", OLD_STATE, inputs(2, 1)).changes
    assert refusals({"account_id": "/subscriptions/s", "service_id": "1"}, inputs(1, 1)) == []
    assert refusals({"account_id": "/subscriptions/s", "service_id": "1"}, inputs(2, 1)) == []
    assert warnings == []


@pytest.mark.parametrize(("primary", "secondary"), [(2, 1), (1, 2), (7, 1)])
def test_raising_one_is_an_update_and_nothing_is_replaced(primary: int, secondary: int) -> None:
    assert refusals(inputs(1, 1), inputs(primary, secondary)) == []
    result = KeysProvider().diff("1", STATE, inputs(primary, secondary))
    assert (result.changes, result.replaces) == (True, [])


def test_raising_both_is_refused_with_the_way_to_do_it() -> None:
    (refused,) = refusals(inputs(1, 3), inputs(2, 4))

    assert refused.startswith(f"{REASON.format('primary')} and {REASON.format('secondary')} are both raised")
    assert "no caller could go on" in refused
    assert f"Leave {REASON.format('secondary')} at 3, run `pulumi up`" in refused


@pytest.mark.parametrize(
    ("news", "which"), [((2, 3), "primary"), ((3, 2), "secondary"), ((4, 2), "secondary")]
)
def test_lowering_one_is_refused(news: tuple[int, int], which: str) -> None:
    (refused,) = refusals(inputs(3, 3), inputs(*news))

    assert refused == (
        f"{REASON.format(which)} goes from 3 to 2: a key that was withdrawn does not come back. "
        "Set it to 3, or to 4 for a new key"
    )


def test_another_service_has_new_keys_whatever_the_generations(warnings: list[str]) -> None:
    for service_id in ("2", UNKNOWN):
        news = inputs(1, 1, service_id)
        assert refusals(inputs(3, 3), news) == []
        assert KeysProvider().diff("1", STATE, news).replaces == ["service_id"]
    assert refusals({}, inputs(5, 5)) == []
    assert len(set(warnings)) == 1
    assert "callers need new keys" in warnings[0]


def test_a_service_that_is_made_again_has_new_keys_too(warnings: list[str]) -> None:
    """Deleted behind the program's back, it left nothing in the state but the last proof of it."""
    proof = CHECK | {"primary_key": "P1", "secondary_key": "S1"}
    no_keys = {"primary_key": UNKNOWN, "secondary_key": UNKNOWN}

    assert EndpointCheckProvider().diff("id", proof, proof | no_keys).changes  # one is regenerated
    assert warnings == []
    assert EndpointCheckProvider().diff("id", proof, proof | no_keys | {"ip": UNKNOWN}).changes
    (warning,) = warnings
    assert "callers need new keys" in warning


def test_creating_reads_the_keys_that_there_are(service: ServiceKeys) -> None:
    created = KeysProvider().create(inputs(4, 9))

    assert service.asked == []
    assert created.id == "1"
    assert created.outs == inputs(4, 9) | {"primary_key": "P1", "secondary_key": "S1"}


@pytest.mark.parametrize(
    ("news", "asked", "primary", "secondary"),
    [((2, 1), "Primary", "new-1", "S1"), ((1, 2), "Secondary", "P1", "new-1")],
)
def test_the_raised_one_alone_is_made_anew(
    service: ServiceKeys, news: tuple[int, int], asked: str, primary: str, secondary: str
) -> None:
    outs = KeysProvider().update("1", STATE, inputs(*news)).outs

    assert service.asked == [asked]
    assert outs == inputs(*news) | {"primary_key": primary, "secondary_key": secondary}


def test_a_run_cut_off_after_the_regeneration_is_continued_with_the_same_key(service: ServiceKeys) -> None:
    KeysProvider().update("1", STATE, inputs(2, 1))  # and the state never hears of it

    outs = KeysProvider().update("1", STATE, inputs(2, 1)).outs

    assert service.asked == ["Primary", "Primary"]
    assert outs is not None
    assert (outs["primary_key"], outs["secondary_key"]) == ("new-2", "S1")
    assert not KeysProvider().diff("1", outs, inputs(2, 1)).changes


def test_the_last_key_that_callers_know_is_never_withdrawn(service: ServiceKeys) -> None:
    KeysProvider().update("1", STATE, inputs(2, 1))  # cut off; then the configuration says otherwise

    with pytest.raises(RuntimeError, match="the service's primary key is not the one in the stack's") as told:
        KeysProvider().update("1", STATE, inputs(1, 2))

    assert "run `pulumi refresh`, have all callers take the primary key" in str(told.value)
    assert "new-1" not in str(told.value)
    assert service.asked == ["Primary"]


def test_without_an_engine_the_warning_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("sys.argv", ["plugin"])

    engine_log.warn_once("the keys end")
    engine_log.warn_once("the keys end")

    assert capsys.readouterr().err == "warning: the keys end\n"
