"""The list of services in a stack's configuration: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import settings
from infra.settings import Settings, encrypted
from infra.settings.reader import SettingsError

UUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    return {
        "azure-native:metadataHost": "127.0.0.1:20443",
        "azure-native:tenantId": UUID,
        "azure-native:subscriptionId": UUID,
        "azure-native:clientId": UUID,
        "azure-native:clientSecret": "s3cr3t",
        "fpga-web-service:resourceGroup": "fpga",
        "fpga-web-service:account": "models",
        "fpga-web-service:accountCapacity": "16",
        "fpga-web-service:modelPackage": str(tmp_path),
        "fpga-web-service:zone": "contoso.test",
        "fpga-web-service:certificateSource": "self_signed",
    }


def read(config: dict[str, str], services: Any, secret_keys: set[str] | None = None, **top: str) -> Settings:
    config = config | {f"fpga-web-service:{key}": value for key, value in top.items()}
    written = services if isinstance(services, str) else json.dumps(services)
    secrets = None if secret_keys is None else secret_keys | {"azure-native:clientSecret"}
    return settings.read(config | {"fpga-web-service:services": written}, {}, secrets)


def problems(
    config: dict[str, str], services: Any, secret_keys: set[str] | None = None, **top: str
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(config, services, secret_keys, **top)
    return [one.removeprefix("fpga-web-service:") for one in caught.value.problems]


def test_flat_settings_are_the_one_service(config: dict[str, str]) -> None:
    read = settings.read(config | {"fpga-web-service:fqdn": "www.contoso.test"}, {})

    (service,) = read.services
    assert (service.name, service.takes_over) == ("", False)
    assert service.model is read.model
    assert service.domain is read.domain
    assert service.certificate is read.certificate
    assert service.service is read.service
    assert service.setting("fqdn") == "fqdn"


def test_what_a_service_does_not_say_is_said_outside(config: dict[str, str]) -> None:
    found = read(
        config,
        [
            {"name": "cats", "fqdn": "Cats.contoso.test.", "recordTtl": 60, "sslEnabled": False},
            {"name": "dogs", "primaryKeyGeneration": "3", "modelName": "dog"},
        ],
        fqdn="dogs.contoso.test",
        recordTtl="120",
    )

    cats, dogs = found.services
    assert (cats.name, cats.domain.fqdn, cats.domain.zone) == ("cats", "cats.contoso.test", "contoso.test")
    assert (cats.domain.record_ttl_s, cats.service.ssl_enabled, cats.takes_over) == (60, False, False)
    assert (dogs.domain.fqdn, dogs.domain.record_ttl_s, dogs.takes_over) == ("dogs.contoso.test", 120, True)
    assert (dogs.service.primary_key_generation, dogs.model.name) == (3, "dog")
    assert (cats.service.check_timeout_s, dogs.service.check_timeout_s) == (120, 180)
    assert (cats.setting("fqdn"), dogs.setting("fqdn")) == ("services[0].fqdn", "fqdn")
    assert (cats.setting("modelPackage"), cats.setting("zone")) == ("modelPackage", "zone")


def test_the_flat_fqdn_is_not_needed_where_each_has_its_own(config: dict[str, str]) -> None:
    found = read(config, [{"name": "cats", "fqdn": "cats.contoso.test"}])

    assert [one.takes_over for one in found.services] == [False]


def test_what_takes_the_place_of_an_alternative_is_no_contradiction(
    config: dict[str, str], tmp_path: Path
) -> None:
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).touch()

    found = read(
        config,
        [
            {"name": "cats", "fqdn": "cats.contoso.test", "modelId": "m-1"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "certificateSource": "files"},
            {
                "name": "cows",
                "fqdn": "cows.contoso.test",
                "certificateSource": "acme",
                "acmeDirectory": "https://ca.example/dir",
            },
        ],
        certificateFile=str(tmp_path / "chain.pem"),
        keyFile=str(tmp_path / "key.pem"),
    )

    cats, dogs, cows = found.services
    assert (cats.model.id, cats.model.package) == ("m-1", "")
    assert (cats.certificate.source, cats.certificate.certificate_file) == ("self_signed", None)
    assert dogs.certificate.certificate_file == tmp_path / "chain.pem"
    assert cows.certificate.acme is not None
    assert cows.certificate.acme.directory == "https://ca.example/dir"


def test_what_no_service_uses_is_refused(config: dict[str, str], tmp_path: Path) -> None:
    one = {"name": "cats", "fqdn": "cats.contoso.test"}

    assert problems(config, [one], keyFile=str(tmp_path), acmeEmail="a@b.example") == [
        "keyFile is not used by any of the services: remove it, or set certificateSource to files for one",
        "acmeEmail is not used by any of the services: remove it, or set certificateSource to acme for one",
    ]


def test_all_problems_are_told_at_once_and_each_once(config: dict[str, str]) -> None:
    found = problems(
        config,
        [
            {"name": "cats"},
            {"name": "dogs", "fqdn": "dogs.fabrikam.test", "recordTtl": 0},
            {"name": "cows", "fqdn": "cows.contoso.test", "certificateSource": "files", "zone": "x"},
        ],
        checkTimeout="soon",
    )

    assert found == [
        "checkTimeout is 'soon': it takes a whole number from 1 to 86400",
        "services[0].fqdn is not set: `pulumi config set --path 'fpga-web-service:services[0].fqdn' VALUE`",
        "services[1].recordTtl is '0': it takes a whole number from 1 to 2147483647",
        "services[1].fqdn is 'dogs.fabrikam.test', which is not under its zone 'contoso.test': choose a name "
        "such as 'service.contoso.test', or set fpga-web-service:zone to its zone",
        "services[2].zone is a setting of the whole stack: remove it here (`pulumi config rm --path "
        "'fpga-web-service:services[2].zone'`), and set it at the top (`pulumi config set "
        "fpga-web-service:zone VALUE`)",
        "services[2].certificateFile is not set: it is the path of the PEM file with the certificate and its "
        "chain",
        "services[2].keyFile is not set: it is the path of the PEM file with the certificate's private key",
    ]


LISTED = "fpga-web-service:services"
S3CRET = "s3cret-s3cret"


def pfx(tmp_path: Path, **more: Any) -> dict[str, Any]:
    (tmp_path / "cats.pfx").touch()
    own = {"certificateSource": "pfx", "pfxFile": str(tmp_path / "cats.pfx"), "pfxPassword": S3CRET}
    return {"name": "cats", "fqdn": "cats.contoso.test", **own, **more}


def test_a_secret_in_an_item_is_taken_and_told_nowhere(config: dict[str, str], tmp_path: Path) -> None:
    found = read(config, [pfx(tmp_path)], {f"{LISTED}[0].pfxPassword"})

    assert found.services[0].certificate.pfx_password == S3CRET
    assert S3CRET not in repr(found)


@pytest.mark.parametrize("encrypted", [set(), {f"{LISTED}[1].pfxPassword"}, {f"{LISTED}[0].pfxFile"}])
def test_a_secret_that_stands_in_plain_in_an_item_is_refused_and_not_told(
    config: dict[str, str], tmp_path: Path, encrypted: set[str]
) -> None:
    found = problems(config, [pfx(tmp_path)], encrypted)

    assert found[-1] == (
        "services[0].pfxPassword stands in plain in the stack's file: whoever could read that knows it. "
        "Replace it, then `pulumi config set --secret --path 'fpga-web-service:services[0].pfxPassword'`"
    )
    assert S3CRET not in "".join(found)


def test_what_is_no_secret_stands_in_plain(config: dict[str, str], tmp_path: Path) -> None:
    item = pfx(tmp_path, fqdn=f"{S3CRET}.fabrikam.test", certificateSource=S3CRET)

    found = problems(config, [item], {f"{LISTED}[0].{key}" for key in ("pfxPassword", *item)})

    assert S3CRET not in "".join(found)
    assert [one.partition(" ")[0] for one in found] == [
        f"services[0].{key}" for key in ("name", "fqdn", "certificateSource", "pfxFile")
    ]
    assert found[1] == (
        "services[0].fqdn is encrypted in the stack's file, in part or whole: it ends up where many may read "
        "it. Remove it (`pulumi config rm --path 'fpga-web-service:services[0].fqdn'`), and set it in plain"
    )


@pytest.mark.parametrize("written", [[{"name": S3CRET, "fqdn": S3CRET}], S3CRET, [S3CRET], {"x": S3CRET}])
def test_a_list_that_is_encrypted_as_a_whole_is_refused_and_not_told(
    config: dict[str, str], written: Any
) -> None:
    found = problems(config, written, {LISTED})

    assert S3CRET not in "".join(found)
    (problem,) = found
    assert problem.startswith(
        "services is encrypted as a whole, or the stack's file, "
        if isinstance(written, list)
        else "services is "
    )


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "no list": ({"name": "cats"}, ["services is a mapping, and no list: write an item for each service"]),
    "a text": ("cats", ["services is no list: write an item for each service, or `pulumi config set --path"]),
    "half a list": ("[{", ["services is no list: "]),
    "a number": ("3", ["services is a text, or a number, and no list: "]),
    "no item": ([], ["services is empty: remove it (`pulumi config rm fpga-web-service:services`), and the"]),
    "too deep": ("[" * 100_000, ["services is no list: "]),
    "half a character": (r'[{"name": "\ud800"}]', ["services is not Unicode: "]),
    "items that are none": (
        ["cats", None, ["x"], True],
        [
            "services[0] is a text, or a number: it takes settings, `name: NAME` first of all",
            "services[1] is nothing: it takes settings",
            "services[2] is a list: it takes settings",
            "services[3] is true or false: it takes settings",
        ],
    ),
    "no name": (
        [{"fqdn": "cats.contoso.test"}],
        ["services[0].name is not set: `pulumi config set --path 'fpga-web-service:services[0].name' VALUE`"],
    ),
    "a key twice": (
        '[{"name": "cats", "fqdn": "a.contoso.test", "fqdn": "b.contoso.test"}]',
        ["services[0].fqdn is written twice: keep one"],
    ),
    "values that are none": (
        [
            {
                "name": "cats",
                "fqdn": ["cats.contoso.test"],
                "recordTtl": None,
                "certificateSource": {"secure": "v1:x"},
                "sslEnabled": 1.5,
            }
        ],
        [
            "services[0].fqdn is a list: it takes one value",
            "services[0].recordTtl is nothing: write a value, or remove the key",
            "services[0].certificateSource is a mapping: it takes one value",
            "services[0].sslEnabled is '1.5': choose one of true, false",
        ],
    ),
    "settings of the stack": (
        [{"name": "cats", "fqdn": "cats.contoso.test", "zone": "contoso.test", "tags": {}}],
        [
            "services[0].zone is a setting of the whole stack: remove it here (`pulumi config rm --path "
            "'fpga-web-service:services[0].zone'`), and set it at the top (`pulumi config set "
            "fpga-web-service:zone VALUE`)",
            "services[0].tags is a setting of the whole stack: ",
        ],
    ),
    "settings of none": (
        [{"name": "cats", "fqdn": "cats.contoso.test", "FQDN": "x", "recordTTL": 1, "colour": "red"}],
        [
            "services[0].FQDN is not a setting of a service: did you mean fqdn?",
            "services[0].recordTTL is not a setting of a service: did you mean recordTtl?",
            "services[0].colour is not a setting of a service: known are name, modelPackage, ",
        ],
    ),
    "two of one name": (
        [{"name": "cats", "fqdn": "a.contoso.test"}, {"name": "CATS", "fqdn": "b.contoso.test"}],
        [
            "services[1].name is 'CATS', and services[0].name is 'cats': their resources would have one "
            "name. Choose another one"
        ],
    ),
    "a name that is another's record": (
        [{"name": "cats-canonical", "fqdn": "a.contoso.test"}, {"name": "cats", "fqdn": "b.contoso.test"}],
        ["services[1].name is 'cats', and services[0].name is 'cats-canonical': their resources would"],
    ),
    "two of one FQDN": (
        [{"name": "a", "fqdn": "bücher.contoso.test"}, {"name": "b", "fqdn": "xn--bcher-kva.contoso.test."}],
        [
            "services[1].fqdn is 'xn--bcher-kva.contoso.test', and so is services[0].fqdn: each service has "
            "its own. `pulumi config set --path 'fpga-web-service:services[1].fqdn' VALUE`"
        ],
    ),
    "a canonical name that is another's": (
        [
            {"name": "a", "fqdn": "a.contoso.test", "canonicalName": "x.contoso.test"},
            {"name": "b", "fqdn": "b.contoso.test", "canonicalName": "X.contoso.test"},
            {"name": "c", "fqdn": "c.contoso.test", "canonicalName": "b.contoso.test"},
        ],
        [
            "services[1].canonicalName is 'x.contoso.test', and so is services[0].canonicalName: ",
            "services[2].canonicalName is 'b.contoso.test', and so is services[1].fqdn: ",
        ],
    ),
    "two of one physical name": (
        [
            {"name": "a", "fqdn": "a.contoso.test", "serviceName": "Scorer"},
            {"name": "b", "fqdn": "b.contoso.test", "serviceName": "scorer"},
        ],
        ["services[1].serviceName is 'scorer', and so is services[0].serviceName: "],
    ),
    "two of one thing": (
        [{"name": "a", "fqdn": "a.contoso.test", "modelId": "m", "modelPackage": "no/such"}],
        [
            "services[0].modelId and modelPackage are both set: the one names a model that is registered "
            "already, the other one a package that the program registers. Remove one of them (`pulumi config "
            "rm --path 'fpga-web-service:services[0].modelId'`)"
        ],
    ),
    "half of an account binding": (
        [
            {
                "name": "a",
                "fqdn": "a.contoso.test",
                "certificateSource": "acme",
                "acmeDirectory": "https://ca.example/d",
                "acmeEabKeyId": "kid",
            }
        ],
        [
            "services[0].acmeEabHmacKey is not set, but acmeEabKeyId is: `pulumi config set --secret --path "
            "'fpga-web-service:services[0].acmeEabHmacKey'`"
        ],
    ),
    "two keys of one account": (
        [
            {
                "name": name,
                "fqdn": f"{name}.contoso.test",
                "certificateSource": "acme",
                "acmeDirectory": "https://ca.example/d",
                "acmeEabKeyId": "kid",
                "acmeEabHmacKey": key,
            }
            for name, key in (("a", "AAAA"), ("b", "BBBB"))
        ],
        [
            "services[1].acmeEabHmacKey is not that of services[0], and both have one account, that of one "
            "acmeDirectory, acmeEmail and acmeEabKeyId: set it outside of the list alone"
        ],
    ),
    "what its source has no use for": (
        [{"name": "a", "fqdn": "a.contoso.test", "acmeEmail": "a@b.example"}],
        [
            "services[0].acmeEmail is not used with certificateSource self_signed: remove it, or set "
            "certificateSource to acme"
        ],
    ),
}


@pytest.mark.parametrize(("written", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_list_is_refused_by_its_places(
    config: dict[str, str], written: Any, expected: list[str]
) -> None:
    found = problems(config, written)

    assert len(found) == len(expected), found
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(beginning)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("1cat", "takes 1 to 32 letters"),
        ("cat_s", "takes 1 to 32 letters"),
        ("cats-", "takes 1 to 32 letters"),
        ("ca--ts", "takes 1 to 32 letters"),
        ("c" * 33, "takes 1 to 32 letters"),
        ("café", "takes 1 to 32 letters"),
        ("zone", "and 'zone' is the name of a resource that a stack has already"),
        ("Scoring-Endpoint", "and 'scoring-endpoint' is the name of a resource"),
        ("caa", "and 'caa-record' is the name of a resource"),
    ],
)
def test_a_name_is_good_for_all_that_it_is_part_of(config: dict[str, str], name: str, words: str) -> None:
    (problem,) = problems(config, [{"name": name, "fqdn": "cats.contoso.test"}])

    assert problem.startswith(f"services[0].name is '{name}'")
    assert words in problem


def test_an_empty_text_takes_back_what_stands_outside(config: dict[str, str]) -> None:
    found = read(
        config,
        [
            {"name": "cats"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "canonicalName": "", "serviceName": ""},
        ],
        fqdn="cats.contoso.test",
        canonicalName="a.contoso.test",
        serviceName="scorer",
    )

    cats, dogs = found.services
    assert (cats.domain.canonical_name, cats.service.name) == ("a.contoso.test", "scorer")
    assert (dogs.domain.canonical_name, dogs.service.name) == (None, None)


@pytest.mark.parametrize(("capacity", "number", "wanted"), [("", 2, 2), ("1", 3, 3), ("15", 16, 16)])
def test_each_service_needs_an_fpga_of_the_account(
    config: dict[str, str], capacity: str, number: int, wanted: int
) -> None:
    items = [{"name": f"s{one}", "fqdn": f"s{one}.contoso.test"} for one in range(number)]

    (problem,) = problems(config, items, accountCapacity=capacity)

    assert problem == (
        f"accountCapacity is {capacity or 1}, and each of the {number} services holds an FPGA: "
        f"`pulumi config set fpga-web-service:accountCapacity {wanted}`"
    )
    assert len(read(config, items, accountCapacity=str(wanted)).services) == number
    del config["fpga-web-service:accountCapacity"]
    there = read(config, items, accountExists="true", accountResourceGroup="others")
    assert len(there.services) == number


def test_no_account_of_a_stack_s_own_has_room_for_more_services_than_it_can_have_fpgas(
    config: dict[str, str],
) -> None:
    items = [{"name": f"s{one}", "fqdn": f"s{one}.contoso.test"} for one in range(17)]

    (problem,) = problems(config, items)

    assert problem == (
        "services lists 17 services, each of which holds an FPGA, and an account has 16 at most: divide them "
        "among stacks with an account each; one zone may be for them all (fpga-web-service:zoneExists)"
    )


def test_each_replica_needs_an_fpga_of_the_account(config: dict[str, str]) -> None:
    items: list[dict[str, Any]] = [
        {"name": "cats", "fqdn": "cats.contoso.test", "replicas": 3},
        {"name": "dogs", "fqdn": "dogs.contoso.test", "maxReplicas": "4"},
        {"name": "cows", "fqdn": "cows.contoso.test"},
    ]

    assert problems(config, items, accountCapacity="7") == [
        "accountCapacity is 7, and the services hold 8 FPGAs for their replicas (cats 3, dogs 4): "
        "`pulumi config set fpga-web-service:accountCapacity 8`, or lower replicas or maxReplicas"
    ]
    cats, dogs, cows = (one.service for one in read(config, items, accountCapacity="8").services)
    assert (cats.replicas, cats.max_replicas, cats.fpgas) == (3, None, 3)
    assert (dogs.replicas, dogs.max_replicas, dogs.fpgas) == (1, 4, 4)
    assert (cows.replicas, cows.max_replicas, cows.fpgas) == (1, None, 1)
    assert problems(config, [*items[:2], {**items[2], "replicas": 10}]) == [
        "services lists services that hold 17 FPGAs for their replicas (cats 3, dogs 4, cows 10), and "
        "an account has 16 at most: lower replicas or maxReplicas, or divide the services among stacks "
        "with an account each"
    ]


def test_a_number_of_replicas_is_said_outside_or_in_the_item(config: dict[str, str]) -> None:
    items = [
        {"name": "cats", "fqdn": "cats.contoso.test", "replicas": 5},
        {"name": "dogs", "fqdn": "dogs.contoso.test", "maxReplicas": ""},
        {"name": "cows", "fqdn": "cows.contoso.test", "replicas": 0},
    ]

    assert problems(config, items, replicas="2", maxReplicas="4") == [
        "maxReplicas is 4, and replicas, the fewest that there are, is 5: raise it, or `pulumi config set "
        "--path 'fpga-web-service:services[0].replicas' 4`",
        "services[2].replicas is '0', and a service without replicas is not offered: set it to 1 or more, or "
        "take the service out of the stack",
    ]
    dogs = read(config, items[1:2], replicas="2", maxReplicas="4").services[0].service
    assert (dogs.replicas, dogs.max_replicas) == (2, None)


def test_what_two_have_from_outside_is_told_of_both(config: dict[str, str]) -> None:
    found = problems(config, [{"name": "cats"}, {"name": "dogs"}], fqdn="a.contoso.test")

    assert found == [
        "services[1].fqdn is 'a.contoso.test', and so is services[0].fqdn: each service has its own. "
        "`pulumi config set --path 'fpga-web-service:services[1].fqdn' VALUE`"
    ]


def test_a_secret_outside_in_plain_is_told_once(config: dict[str, str], tmp_path: Path) -> None:
    items = [pfx(tmp_path, name=name, fqdn=f"{name}.contoso.test") for name in ("cats", "dogs")]
    for item in items:
        del item["pfxPassword"]

    (problem,) = problems(config, items, set(), pfxPassword=S3CRET)

    assert problem.startswith("pfxPassword stands in plain in the stack's file: ")


def test_the_places_that_are_encrypted_are_those_of_the_file() -> None:
    secure = {"secure": "v1:x"}
    written = {
        LISTED: [
            {"name": "cats", "certificateKey": secure, "certificateFor": ["a", secure]},
            {"name": "dogs", "secure": {"secure": "v1:x", "more": "x"}},
            secure,
            "secure",
        ]
    }
    told = {LISTED, "azure-native:clientSecret"}

    assert encrypted.keys(told, written) == {
        "azure-native:clientSecret",
        f"{LISTED}[0].certificateKey",
        f"{LISTED}[0].certificateFor",
        f"{LISTED}[2]",
    }
    assert encrypted.keys(told, {LISTED: secure}) == told
    assert encrypted.keys(told, {LISTED: [{"name": "cats"}]}) == told
    assert encrypted.keys(told, None) == told
    assert encrypted.keys({"x"}, written) == {"x"}


def test_an_encrypted_name_is_told_in_no_comparison(config: dict[str, str]) -> None:
    secret = f"{S3CRET}.contoso.test"
    items = [
        {"name": name, "fqdn": f"{name}.contoso.test", "certificateFor": [secret]}
        for name in ("cats", "dogs")
    ]

    found = problems(config, items, {f"{LISTED}[0].certificateFor", f"{LISTED}[1].certificateFor"})

    assert [one.partition(" ")[0] for one in found] == [f"services[{n}].certificateFor" for n in (0, 1)]
    assert S3CRET not in "".join(found)


def test_the_stacks_file_is_read_as_the_engine_reads_it(tmp_path: Path) -> None:
    """To Go's YAML a date that there is not is a text; `<<` is another item's settings."""
    (tmp_path / "Pulumi.yaml").write_text("name: fpga-web-service\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    file = tmp_path / "stacks" / "Pulumi.dev.yaml"
    file.write_text(
        """\
config:
  fpga-web-service:config:services:
    - &cats {name: 2001-99-99, certificateKey: {secure: v1:x}}
    - <<: *cats
      name: 1:99
"""
    )

    found = encrypted.keys({LISTED}, encrypted.written(tmp_path, "dev"))

    assert found == {f"{LISTED}[0].certificateKey", f"{LISTED}[1].certificateKey"}
    assert encrypted.written(tmp_path, "prod") is None
    for broken in ("config: [", "config: []", "", "config: {x: *y}", "a: " + "[" * 5000):
        file.write_text(broken)
        assert encrypted.keys({LISTED}, encrypted.written(tmp_path, "dev")) == {LISTED}
