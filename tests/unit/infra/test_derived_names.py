"""Names that the program derives: the same for the same scope, another for any other."""

from __future__ import annotations

from infra import names


def test_a_suffix_tells_stacks_apart() -> None:
    ours = names.suffixed("service", "fpga-web-service", "dev", "service")

    assert ours == names.suffixed("service", "fpga-web-service", "dev", "service")
    assert ours != names.suffixed("service", "fpga-web-service", "prod", "service")
    assert ours != names.suffixed("service", "fpga-web-service", "dev", "service-2")


def test_the_parts_of_a_scope_do_not_run_together() -> None:
    assert names.suffixed("m", "ab", "c") != names.suffixed("m", "a", "bc")


def test_derived_names_satisfy_azure() -> None:
    assert names.storage_account_problem(names.derived_storage_account("s", "g", "a")) is None
    assert names.service_problem(names.suffixed("m" * 55, "p", "s", "l")) is None


def test_a_record_at_the_apex_is_named_at() -> None:
    assert names.relative_record_name("contoso.test", "contoso.test") == "@"
    assert names.relative_record_name("a.b.contoso.test", "contoso.test") == "a.b"


def test_people_are_shown_u_labels() -> None:
    assert names.u_labels("xn--bcher-kva.contoso.test") == "bücher.contoso.test"
    assert names.u_labels("www.contoso.test") == "www.contoso.test"


def test_a_name_that_stands_is_kept_whatever_would_be_derived_now() -> None:
    before, now = (names.suffixed("model", "fpga-web-service", stack, "m") for stack in ("dev", "renamed"))

    assert names.kept(now, before) == before != now
    assert names.kept(now, None) == now
    another = names.suffixed("classifier", "fpga-web-service", "dev", "m")
    assert names.kept(another, before) == another  # modelName was changed
    assert names.kept(now, "set-by-hand") == now


def test_a_name_of_our_own_making_is_told_from_one_set_by_hand() -> None:
    assert names.is_suffixed(names.suffixed("service", "fpga-web-service", "dev", "service"))
    for by_hand in ("service", "service-2", "espresso-abcdefgh", "-0a1b2c3d"):
        assert not names.is_suffixed(by_hand)
