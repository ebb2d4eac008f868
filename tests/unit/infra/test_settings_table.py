"""The table of settings: an entry is enough to read, check and describe one, and every entry is whole."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import pytest

from infra import settings
from infra.settings import Settings, table
from infra.settings.kinds import choice, integer, secret, text
from infra.settings.reader import Reader
from infra.settings.table import Group, Setting, Table, When


@dataclass(frozen=True, kw_only=True)
class Engine:
    fuel: Annotated[str, Setting("fuel", text(), "What it burns")]
    cylinders: Annotated[int, Setting("cylinders", integer(1, 16), "How many")] = 4


@dataclass(frozen=True, kw_only=True)
class Car:
    drive: Annotated[str, Setting("drive", choice("engine", "horse"), "What moves it")] = "engine"
    oats: Annotated[
        str | None, Setting("oats", text(), "The horse's oats", When("drive", ("horse",)), required=True)
    ] = None
    engine: Annotated[Engine | None, Group("The engine", When("drive", ("engine",)))]


def read(**given: str) -> tuple[Car, list[str]]:
    reader = Reader(Car, {f"fpga-web-service:{key}": value for key, value in given.items()})
    return reader.read(), reader.problems


def test_an_entry_is_enough() -> None:
    car, problems = read(fuel=" petrol ", cylinders="6")

    assert (car, problems) == (Car(engine=Engine(fuel="petrol", cylinders=6)), [])
    assert [setting.line for setting in table.of(Car).settings()] == [
        "What moves it",
        "The horse's oats; with drive horse",
        "What it burns; with drive engine",
        "How many; with drive engine",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["fuel is not set: `pulumi config set fpga-web-service:fuel VALUE`"]),
        ({"fuel": " "}, ["fuel is not set: `pulumi config set fpga-web-service:fuel VALUE`"]),
        ({"drive": "horse"}, ["oats is not set: `pulumi config set fpga-web-service:oats VALUE`"]),
        (
            {"drive": "horse", "oats": "1 kg", "cylinders": "none"},
            ["cylinders is not used with drive horse: remove it, or set drive to engine"],
        ),
        # whether the others are used is not known then
        ({"drive": "sail", "cylinders": "x"}, ["drive is 'sail': choose one of engine, horse"]),
        ({"fuel": "x", "fule": "x"}, ["fule is not a setting of this program: did you mean fuel?"]),
    ],
)
def test_what_is_wrong_is_told_by_its_key(given: dict[str, str], expected: list[str]) -> None:
    assert read(**given)[1] == [f"fpga-web-service:{problem}" for problem in expected]


def test_a_group_that_is_not_used_is_none() -> None:
    assert read(drive="horse", oats="1 kg")[0].engine is None


def test_what_does_not_go_together_is_told_of_good_values_alone() -> None:
    reader = Reader(Car, {"fpga-web-service:fuel": "x", "fpga-web-service:cylinders": "0"})
    reader.read()
    reader.find([("cylinders", "is too few"), ("fuel", "is none of cars"), ("fuel", "is dear")])

    assert reader.problems == [
        "fpga-web-service:cylinders is '0': it takes a whole number from 1 to 16",
        "fpga-web-service:fuel is none of cars",
        "fpga-web-service:fuel is dear",
    ]


def entries(one: Table) -> list[tuple[bool, Setting]]:
    """Each setting, and whether its value is told by `repr`."""
    found = []
    shown = {field.name: field.repr for field in dataclasses.fields(one.make)}  # type: ignore[arg-type]
    for name, inner in one.fields.items():
        found += [(shown[name], inner)] if isinstance(inner, Setting) else entries(inner)
    return found


def test_no_secret_is_in_a_optionof_the_settings() -> None:
    secrets = [(shown, setting.key) for shown, setting in entries(table.of(Settings)) if setting.kind.secret]

    keys = ("managementClientSecret", "pfxPassword", "certificateKey", "acmeEabHmacKey")
    assert secrets == [(False, key) for key in keys]
    assert secret().secret


def test_every_condition_asks_of_a_setting_and_what_that_may_be() -> None:
    known = {setting.key: setting for setting in settings.known()}

    for setting in known.values():
        for when in (setting.when, setting.required):
            if isinstance(when, When):
                for option in filter(None, when.among):
                    known[when.key].kind.read(option)


def test_every_default_is_a_value_that_may_be_written() -> None:
    for setting in settings.known():
        if setting.default or setting.default is False:
            assert setting.kind.read(str(setting.default).lower().replace("s1", "S1")) == setting.default
