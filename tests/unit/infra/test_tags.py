"""Tags: which Azure takes, in which words others are refused, and what a kind of resource goes without."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from infra import catalogue
from infra.components.tags import by_token, taken
from infra.settings.table import Unfit
from infra.settings.tags import TAGS

FIFTY = {f"name{number}": "value" for number in range(50)}
TAKEN: dict[str, Any] = {
    "none": {},
    "one": {"team": "vision"},
    "fifty": FIFTY,
    "the longest name": {"n" * 512: "value"},
    "the longest value, and none": {"long": "v" * 256, "empty": ""},
    "any script, spaces and signs": {"Größe [cm]": "ü", "cost center": "a/b?", "hidden-title": "<>"},
    "nearly reserved": {"my-azure": "x", "micro": "x"},
}
REFUSED: dict[str, tuple[Any, str]] = {
    "fifty-one": (FIFTY | {"one-more": "x"}, "holds 51 tags: a resource has 50 at most"),
    "no name": ({"": "x"}, "holds the name '' of 0 characters: a name takes 1 to 512"),
    "a name too long": ({"n" * 513: "x"}, f"'{'n' * 80}' of 513 characters: a name takes 1 to 512"),
    **{
        f"a name with {sign}": (
            {f"a{sign}b": "x"},
            rf"holds the name 'a{sign}b' with '{sign}': leave <, >, %, &, \, ? and / out of names",
        )
        for sign in "<>%&\\?/"
    },
    "a value too long": (
        {"name": "v" * 257},
        "holds the name 'name' with a value of 257 characters: a value takes 256 at most",
    ),
    "a list": (
        {"name": ["x"]},
        "holds the name 'name' with a list for a value: it takes a text; write it as",
    ),
    "a mapping": ({"name": {"a": "x"}}, "holds the name 'name' with a mapping for a value: it takes a text"),
    "nothing": ({"name": None}, "holds the name 'name' with nothing for a value: it takes a text"),
}
VALID = jsonschema.Draft7Validator(TAGS.schema)


def problems(written: str) -> tuple[str, ...]:
    with pytest.raises(Unfit) as caught:
        TAGS.read(written)
    return caught.value.problems


@pytest.mark.parametrize("tags", TAKEN.values(), ids=TAKEN.keys())
def test_what_azure_takes_is_taken(tags: dict[str, str]) -> None:
    assert TAGS.read(json.dumps(tags)) == tags
    assert list(VALID.iter_errors(tags)) == []


@pytest.mark.parametrize(("tags", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_it_does_not_is_refused_here_and_by_the_schema(tags: Any, words: str) -> None:
    (problem,) = problems(json.dumps(tags))

    assert words in problem
    assert list(VALID.iter_errors(tags)) != []


@pytest.mark.parametrize("name", ["microsoft", "Azure-team", "WINDOWS.version"])
def test_reserved_names_are_refused(name: str) -> None:
    assert problems(json.dumps({name: "x"})) == (
        f"holds the name '{name}': Azure reserves names that begin with microsoft, azure, windows; choose "
        "another one",
    )


def test_names_differ_in_more_than_case() -> None:
    assert problems('{"Team": "a", "team": "b"}') == (
        "holds the name 'team' and 'Team': case means nothing in names, so keep one of them",
    )


@pytest.mark.parametrize("written", ["vision", '["team"]', '"team"', "{team: vision}"])
def test_what_is_no_mapping_is_refused_with_the_way_to_write_one(written: str) -> None:
    assert problems(written) == (
        f"is '{written}': it takes a mapping of names to values; write it as `name: value`, or "
        "`pulumi config set --path 'fpga-web-service:tags.team' vision`",
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(problems(json.dumps({"a/b": None, "azure": "v" * 257}))) == 4


def test_numbers_and_switches_are_taken_as_they_are_written() -> None:
    assert TAGS.read('{"center": 4711, "share": 0.50, "spot": false}') == {
        "center": "4711",
        "share": "0.50",
        "spot": "false",
    }


@pytest.mark.parametrize("kind", [one for one in catalogue.KINDS if one.taggable], ids=lambda one: one.name)
def test_ordinary_tags_are_taken_by_every_kind(kind: catalogue.Kind) -> None:
    tags = {"team": "vision", "cost-center": "4711", "owner.mail": "a@contoso.com"}

    assert taken(kind, tags) == (tags, "")


def test_a_kind_goes_without_what_would_have_it_refused() -> None:
    long = {"n" * 129: "x", "m" * 128: "x"}
    assert taken(catalogue.STORAGE_ACCOUNT, long) == (
        {"m" * 128: "x"},
        f"StorageAccount goes without '{'n' * 80}': its names take 128 characters",
    )
    assert taken(catalogue.ACCOUNT, long) == (long, "")

    odd = ("2nd", "cost center", "größe", "ms:usage", "a(b)")
    of_zone, words = taken(catalogue.ZONE, dict.fromkeys((*odd, *FIFTY), "x"))
    assert list(of_zone) == [f"name{number}" for number in range(15)]
    assert words.startswith("Zone goes without '2nd', 'cost center', 'größe', 'ms:usage', 'a(b)', 'name15'")
    assert words.endswith("it takes 15, with letters, digits, '_', '-' and '.' in names, no digit first")


@pytest.mark.parametrize("tags", [None, {}])
def test_without_tags_no_resource_is_touched(tags: dict[str, str] | None) -> None:
    assert by_token(tags, pytest.fail) == {}


def test_what_a_kind_goes_without_is_warned_of_once() -> None:
    told: list[str] = []

    found = by_token({"team": "vision", "cost center": "4711"}, told.append)

    assert found.pop("azure-native:dns:Zone") == {"team": "vision"}
    assert list(found.values()) == [{"team": "vision", "cost center": "4711"}] * 3
    (warning,) = told
    assert warning.startswith("fpga-web-service:tags: Zone goes without 'cost center': it takes 15")
