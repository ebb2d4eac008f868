"""Names that the program derives: the same for the same scope, another for any other."""

from __future__ import annotations

from infra.settings import naming


def test_a_suffix_tells_stacks_apart() -> None:
    ours = naming.suffixed("service", "fpga-web-service", "dev", "service")

    assert ours == naming.suffixed("service", "fpga-web-service", "dev", "service")
    assert ours != naming.suffixed("service", "fpga-web-service", "prod", "service")
    assert ours != naming.suffixed("service", "fpga-web-service", "dev", "service-2")


def test_the_parts_of_a_scope_do_not_run_together() -> None:
    assert naming.suffixed("m", "ab", "c") != naming.suffixed("m", "a", "bc")


def test_derived_names_satisfy_azure() -> None:
    assert naming.storage_account_problem(naming.derived_storage_account("s", "g", "a")) is None
    assert naming.service_problem(naming.suffixed("m" * 55, "p", "s", "l")) is None


def test_a_record_at_the_apex_is_named_at() -> None:
    assert naming.relative_record_name("contoso.test", "contoso.test") == "@"
    assert naming.relative_record_name("a.b.contoso.test", "contoso.test") == "a.b"


def test_people_are_shown_u_labels() -> None:
    assert naming.u_labels("xn--bcher-kva.contoso.test") == "bücher.contoso.test"
    assert naming.u_labels("www.contoso.test") == "www.contoso.test"


def test_a_name_that_stands_is_kept_whatever_would_be_derived_now() -> None:
    before, now = (naming.suffixed("model", "fpga-web-service", stack, "m") for stack in ("dev", "renamed"))

    assert naming.kept(now, before) == before != now
    assert naming.kept(now, None) == now
    another = naming.suffixed("classifier", "fpga-web-service", "dev", "m")
    assert naming.kept(another, before) == another  # modelName was changed
    assert naming.kept(now, "set-by-hand") == now


def test_a_name_of_our_own_making_is_told_from_one_set_by_hand() -> None:
    assert naming.is_suffixed(naming.suffixed("service", "fpga-web-service", "dev", "service"))
    for by_hand in ("service", "service-2", "espresso-abcdefgh", "-0a1b2c3d"):
        assert not naming.is_suffixed(by_hand)
