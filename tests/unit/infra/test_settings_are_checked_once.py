"""The stack's configuration: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from certs.errors import DomainNameError
from certs.names import to_ascii
from infra import settings
from infra.settings import azure as azure_settings
from infra.settings import kinds
from infra.settings.account import AccountSettings
from infra.settings.reader import PROJECT_ROOT, SettingsError
from infra.settings.table import Unfit

SECRET = "s3cr3t-of-the-client"
UUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    return {
        "azure-native:metadataHost": "127.0.0.1:20443",
        "azure-native:tenantId": UUID,
        "azure-native:subscriptionId": UUID,
        "azure-native:clientId": UUID,
        "azure-native:clientSecret": SECRET,
        "fpga-web-service:resourceGroup": "fpga",
        "fpga-web-service:account": "models",
        "fpga-web-service:modelPackage": str(tmp_path),
        "fpga-web-service:zone": "contoso.test",
        "fpga-web-service:fqdn": "www.contoso.test",
        "fpga-web-service:certificateSource": "self_signed",
    }


NAMES = [
    "api.example.com",
    "API.Example.COM.",
    "bücher.example",
    "xn--bcher-kva.example",
    "a.b.c.d.example",
    "my_api.example.com",
    "_acme-challenge.example.com",
    "-api.example.com",
    "*.example.com",
    "192.0.2.1",
    "[2001:db8::1]",
    "2001:db8::1",
    "api.example.com:443",
    "https://api.example.com",
    "hostmaster@example.com",
    "localhost",
    "api..example.com",
    "api.example.com..",
    "api.example.1",
    "my api.example.com",
    "xn--a.example",
    "☃.example",
    f"{'a' * 64}.example",
    ".".join(["a" * 60] * 5),
]


def problems(config: dict[str, str], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settings.read(config, environ or {})
    return caught.value.problems


def test_defaults_are_those_of_the_document(config: dict[str, str]) -> None:
    read = settings.read(config, {})

    assert read.account == AccountSettings(
        resource_group="fpga", name="models", location="eastus2", sku="S1", capacity=1, storage_account=None
    )
    assert read.service == settings.ServiceSettings(ssl_enabled=True, check_timeout_s=360)
    assert read.domain.record_ttl_s == 300
    assert read.protection.production is False


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"replicas": "0"},
            "fpga-web-service:replicas is '0', and a service without replicas is not offered: set it to 1 or "
            "more, or take the service out of the stack",
        ),
        ({"replicas": "17"}, "fpga-web-service:replicas is '17': it takes a whole number from 1 to 16"),
        ({"replicas": "1.5"}, "fpga-web-service:replicas is '1.5': it takes a whole number from 1 to 16"),
        ({"replicas": "true"}, "fpga-web-service:replicas is 'true': it takes a whole number from 1 to 16"),
        ({"replicas": "1" * 5000}, f"fpga-web-service:replicas is '{'1' * 5000}': it takes a whole number"),
        ({"maxReplicas": "0"}, "fpga-web-service:maxReplicas is '0', and a service without replicas is not"),
        (
            {"replicas": "3"},
            "fpga-web-service:replicas is 3, and accountCapacity is 1, an FPGA for each replica: "
            "`pulumi config set fpga-web-service:accountCapacity 3`, or lower it",
        ),
        (
            {"maxReplicas": "4", "accountCapacity": "2"},
            "fpga-web-service:maxReplicas is 4, and accountCapacity is 2, an FPGA for each replica: "
            "`pulumi config set fpga-web-service:accountCapacity 4`, or lower it",
        ),
        (
            {"replicas": "3", "maxReplicas": "2", "accountCapacity": "3"},
            "fpga-web-service:maxReplicas is 2, and replicas, the fewest that there are, is 3: raise it, or "
            "`pulumi config set fpga-web-service:replicas 2`",
        ),
    ],
)
def test_a_number_of_replicas_that_is_refused(
    config: dict[str, str], given: dict[str, str], problem: str
) -> None:
    (told,) = problems(config | {f"fpga-web-service:{key}": value for key, value in given.items()})
    assert told.startswith(problem)


def test_a_number_of_replicas_goes_by_the_account_s_capacity(config: dict[str, str]) -> None:
    assert settings.read(config, {}).service.fpgas == 1
    config |= {"fpga-web-service:accountCapacity": "3", "fpga-web-service:replicas": "2"}
    assert settings.read(config, {}).service.fpgas == 2
    config["fpga-web-service:maxReplicas"] = "3"
    service = settings.read(config, {}).service
    assert (service.replicas, service.max_replicas, service.fpgas) == (2, 3, 3)


def test_the_region_may_be_written_as_the_portal_does(config: dict[str, str]) -> None:
    config["fpga-web-service:location"] = "East US 2"

    assert settings.read(config, {}).account.location == "eastus2"


def test_names_of_the_domain_lose_case_and_final_dot(config: dict[str, str]) -> None:
    config["fpga-web-service:zone"] = "Contoso.Test."
    config["fpga-web-service:fqdn"] = "WWW.contoso.test."

    domain = settings.read(config, {}).domain

    assert (domain.zone, domain.fqdn) == ("contoso.test", "www.contoso.test")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_here_where_it_is_one_for_certificates(name: str) -> None:
    try:
        canonical = to_ascii(name)
    except DomainNameError:
        canonical = ""
    kind = kinds.domain()

    if canonical:
        assert kind.read(name) == canonical
    else:
        with pytest.raises(Unfit, match=r"^is '.*': it "):
            kind.read(name)


def test_a_record_that_is_no_host_may_have_an_underscore(config: dict[str, str]) -> None:
    config["fpga-web-service:canonicalName"] = "web_1.contoso.test"

    assert settings.read(config, {}).domain.canonical_name == "web_1.contoso.test"


def test_what_case_means_nothing_in_is_taken_in_one(config: dict[str, str]) -> None:
    config |= {
        "fpga-web-service:caaIssuers": '["LetsEncrypt.org", "letsencrypt.org", "CA.example; Account=ID"]',
        "fpga-web-service:accountSku": "s2",
        "fpga-web-service:location": "EastUS2",
    }

    read = settings.read(config, {})

    assert read.domain.caa_issuers == ("letsencrypt.org", "ca.example; Account=ID")
    assert (read.account.sku, read.account.location) == ("S2", "eastus2")


@pytest.mark.parametrize("written", ["127.0.0.1:53", '["127.0.0.1:53"]'])
def test_name_servers_are_a_list_or_one(config: dict[str, str], written: str) -> None:
    config["fpga-web-service:nameServers"] = written

    assert settings.read(config, {}).domain.name_servers == ("127.0.0.1:53",)


@pytest.mark.parametrize(
    ("zone", "fqdn", "expected"),
    [
        ("contoso.test", "contoso.test", ("contoso.test", "contoso.test")),
        ("contoso.test", "a.b.c.contoso.test", ("contoso.test", "a.b.c.contoso.test")),
        ("contoso.test", "BÜCHER.contoso.test.", ("contoso.test", "xn--bcher-kva.contoso.test")),
        ("contoso.test", "bu\u0308cher.contoso.test", ("contoso.test", "xn--bcher-kva.contoso.test")),
        ("straße.test", "xn--strae-oqa.test", ("xn--strae-oqa.test", "xn--strae-oqa.test")),
        ("例え.テスト", "www.例え.テスト", ("xn--r8jz45g.xn--zckzah", "www.xn--r8jz45g.xn--zckzah")),
    ],
)
def test_names_of_the_domain_are_taken_in_any_script(
    config: dict[str, str], zone: str, fqdn: str, expected: tuple[str, str]
) -> None:
    config |= {"fpga-web-service:zone": zone, "fpga-web-service:fqdn": fqdn}

    domain = settings.read(config, {}).domain

    assert (domain.zone, domain.fqdn) == expected


def test_who_may_issue_and_who_is_asked_are_lists(config: dict[str, str]) -> None:
    config |= {
        "fpga-web-service:caaIssuers": '["ca.example", "letsencrypt.org; validationmethods=dns-01;"]',
        "fpga-web-service:resolvers": '["9.9.9.9", "127.0.0.1:5353", "[::1]:53"]',
        "fpga-web-service:canonicalName": "Service-1.contoso.test",
    }

    domain = settings.read(config, {}).domain

    assert domain.caa_issuers == ("ca.example", "letsencrypt.org; validationmethods=dns-01;")
    assert domain.resolvers == ("9.9.9.9", "127.0.0.1:5353", "[::1]:53")
    assert domain.canonical_name == "service-1.contoso.test"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"recordTtl": "60"}, 120),
        ({"recordTtl": "60", "resolvers": "9.9.9.9"}, 360),  # they may hold that there is no such name
        ({"recordTtl": "3600", "resolvers": "9.9.9.9"}, 3660),
        ({"recordTtl": "3600", "checkTimeout": "10"}, 10),
    ],
)
def test_the_check_waits_for_as_long_as_what_was_may_be_told(
    config: dict[str, str], given: dict[str, str], expected: int
) -> None:
    config |= {f"fpga-web-service:{key}": value for key, value in given.items()}

    assert settings.read(config, {}).service.check_timeout_s == expected


def test_the_zone_itself_is_no_alias(config: dict[str, str]) -> None:
    config |= {
        "fpga-web-service:fqdn": "contoso.test",
        "fpga-web-service:canonicalName": "www.contoso.test",
    }

    (problem,) = problems(config)

    assert problem.startswith("fpga-web-service:canonicalName makes an alias of 'contoso.test', which is the")


REFUSED = {
    "wrong region": ("location", "westeurope", "eastus2 only"),
    "DevTest": ("accountSku", "DevTest", "S1 is enough"),
    "unknown SKU": ("accountSku", "P1", "choose one of S1, S2, S3"),
    "no capacity": ("accountCapacity", "0", "a whole number from 1 to 16"),
    "too much capacity": ("accountCapacity", "17", "a whole number from 1 to 16"),
    "capacity in words": ("accountCapacity", "two", "a whole number from 1 to 16"),
    "FQDN of another zone": ("fqdn", "www.fabrikam.test", "not under its zone 'contoso.test'"),
    "FQDN that ends like the zone": ("fqdn", "www.notcontoso.test", "not under its zone"),
    "wildcard": ("fqdn", "*.contoso.test", "wildcard"),
    "label too long": ("fqdn", "a" * 64 + ".contoso.test", "a label of 64 characters; the DNS holds 63"),
    "label with an underscore": ("fqdn", "my_api.contoso.test", "has the label 'my_api'"),
    "zone with an underscore": ("zone", "my_zone.test", "has the label 'my_zone'"),
    "FQDN that is an address": ("fqdn", "192.0.2.1", "is an IP address"),
    "FQDN with a port": ("fqdn", "www.contoso.test:50051", "holds a port"),
    "FQDN that is a URL": ("fqdn", "https://www.contoso.test", "is not a bare name"),
    "zone that ends in a number": ("zone", "contoso.1", "ends in a number"),
    "name beyond IDNA 2008": ("fqdn", "☕.contoso.test", "is not allowed by IDNA 2008"),
    "A-label that stands for nothing": ("fqdn", "xn--a.contoso.test", "is not allowed by IDNA 2008"),
    "U-label too long": ("fqdn", "ü" * 60 + ".contoso.test", "Label too long"),
    "zone in another script": ("zone", "☕.test", "is not allowed by IDNA 2008"),
    "alias of itself": ("canonicalName", "WWW.contoso.test", "is the fqdn 'www.contoso.test' itself"),
    "alias of another zone's name": ("canonicalName", "a.fabrikam.test", "not under the zone 'contoso.test'"),
    "alias of no name": ("canonicalName", "*.contoso.test", "wildcard"),
    "issuer that is no name": ("caaIssuers", '["ca.example", "Let\'s Encrypt"]', "certification authority"),
    "issuer with half a parameter": ("caaIssuers", "ca.example; validationmethods", "tag=value"),
    "issuer that ends its text": ("caaIssuers", 'ca.example" 0', "does not take"),
    "resolver by name": ("resolvers", "dns.example", "write each resolver as ADDRESS or ADDRESS:PORT"),
    "resolver at no port": ("resolvers", '["127.0.0.1:0"]', "write each resolver as ADDRESS or ADDRESS:PORT"),
    "zone of one label": ("zone", "test", "is a single label"),
    "issuer of one label": ("caaIssuers", "letsencrypt", "is a single label"),
    "SKU in lower case that is none": ("accountSku", "p1", "choose one of S1, S2, S3"),
    "group that ends with a dot": ("resourceGroup", "fpga.", "does not end with '.'"),
    "group too long": ("resourceGroup", "g" * 91, "1 to 90"),
    "account with a space": ("account", "my models", "2 to 32"),
    "storage account in capitals": ("storageAccount", "Storage", "3 to 24 lower-case"),
    "storage account too short": ("storageAccount", "st", "3 to 24 lower-case"),
    "service with a slash": ("serviceName", "a/b", "1 to 64"),
    "model name too long": ("modelName", "m" * 56, "1 to 55"),
    "source that is none": (
        "certificateSource",
        "vault",
        "choose one of files, pfx, config, self_signed, acme",
    ),
    "SSL neither on nor off": ("sslEnabled", "yes", "choose one of true, false"),
    "TTL of nothing": ("recordTtl", "0", "from 1 to 2147483647"),
    "name server without port": ("nameServers", '["127.0.0.1"]', "host:port"),
    "package that is not there": ("modelPackage", "no/such/folder", "there is nothing at"),
    "package that was not made": (
        "modelPackage",
        "no/such",
        "; `fpga model build` makes .local/model-package",
    ),
    "key file with a source that takes none": ("keyFile", "README.md", "set certificateSource to files"),
}


@pytest.mark.parametrize(("key", "value", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_value_is_refused_by_its_key(config: dict[str, str], key: str, value: str, words: str) -> None:
    config[f"fpga-web-service:{key}"] = value

    found = problems(config)

    assert [
        problem for problem in found if problem.startswith(f"fpga-web-service:{key} ") and words in problem
    ]


def test_all_problems_are_told_at_once(config: dict[str, str]) -> None:
    config |= {
        "fpga-web-service:location": "westus",
        "fpga-web-service:accountSku": "DevTest",
        "fpga-web-service:accountCapacity": "99",
    }
    del config["fpga-web-service:resourceGroup"]

    assert len(problems(config)) == 4


def test_a_key_nearly_right_is_told_the_right_one(config: dict[str, str]) -> None:
    config["fpga-web-service:acountCapacity"] = "2"

    (problem,) = problems(config)

    assert problem.startswith("fpga-web-service:acountCapacity ")
    assert "did you mean accountCapacity?" in problem


def test_keys_of_other_namespaces_are_not_looked_at(config: dict[str, str]) -> None:
    config["pulumi:tags"] = "{}"

    settings.read(config, {})


def test_self_signed_is_refused_in_production(config: dict[str, str]) -> None:
    config["fpga-web-service:production"] = "true"

    (problem,) = problems(config)

    assert problem.startswith(
        "fpga-web-service:certificateSource is 'self_signed' on a stack with production"
    )


def test_files_need_both_paths_while_ssl_is_on(config: dict[str, str]) -> None:
    config["fpga-web-service:certificateSource"] = "files"

    assert [problem.split()[0] for problem in problems(config)] == [
        "fpga-web-service:certificateFile",
        "fpga-web-service:keyFile",
    ]
    config["fpga-web-service:sslEnabled"] = "false"
    assert settings.read(config, {}).certificate.certificate_file is None


def test_endpoints_fall_back_to_the_environment(config: dict[str, str]) -> None:
    environ = {"ARM_CLIENT_SECRET": "of-the-environment", "ARM_TENANT_ID": "ignored"}
    del config["azure-native:clientSecret"]

    azure = azure_settings.read(config, environ)

    assert azure.client_secret == "of-the-environment"
    assert azure.tenant_id == UUID


def test_a_missing_credential_names_key_and_variable(config: dict[str, str]) -> None:
    del config["azure-native:clientSecret"]

    (problem,) = problems(config)

    assert "pulumi config set --secret azure-native:clientSecret" in problem
    assert "ARM_CLIENT_SECRET" in problem


def test_the_secret_is_in_no_text(config: dict[str, str]) -> None:
    assert SECRET not in repr(settings.read(config, {}))


def test_the_template_of_the_local_stack_lacks_only_what_localcloud_tells(config: dict[str, str]) -> None:
    template = yaml.safe_load((PROJECT_ROOT / "stacks" / "Pulumi.local.template.yaml").read_text())["config"]
    told = {key: config[key] for key in config if key.startswith("azure-native:")}
    told["fpga-web-service:nameServers"] = json.dumps(["127.0.0.1:20053"])
    told["fpga-web-service:modelPackage"] = config["fpga-web-service:modelPackage"]

    read = settings.read(template | told, {})

    assert dataclasses.astuple(read.domain) == (
        "contoso.test",
        "fpga.contoso.test",
        False,
        None,
        None,
        300,
        (),
        ("127.0.0.1:20053",),
        (),
    )


def test_a_model_is_a_package_or_one_that_is_registered(config: dict[str, str]) -> None:
    config["fpga-web-service:modelId"] = "m-1"

    (problem,) = problems(config)
    assert problem == (
        "fpga-web-service:modelId and modelPackage are both set: the one names a model that is registered "
        "already, the other one a package that the program registers. Remove one of them "
        "(`pulumi config rm fpga-web-service:modelId`)"
    )

    config["fpga-web-service:modelPackage"] = "no/such/folder"
    assert problems(config) == (problem,), "what is to be removed need not be there"

    del config["fpga-web-service:modelPackage"]
    assert settings.read(config, {}).model == settings.ModelSettings(name="model", package="", id="m-1")


def test_a_resource_group_may_be_in_a_region_of_its_own(config: dict[str, str]) -> None:
    config["fpga-web-service:resourceGroupLocation"] = "West US 2"

    account = settings.read(config, {}).account
    assert (account.group_location, account.location) == ("westus2", "eastus2")


def test_a_path_in_the_moved_folder_of_a_checkout_follows_it(
    config: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config["fpga-web-service:modelPackage"] = ".local/model-package"
    (tmp_path / "model-package").mkdir()
    monkeypatch.setenv("FPGA_LOCAL", str(tmp_path))

    model = settings.read(config, {}).model

    assert (model.package, model.path) == (".local/model-package", tmp_path / "model-package")


def test_protection_is_off_unless_it_is_asked_for(config: dict[str, str]) -> None:
    assert settings.read(config, {}).protection == settings.ProtectionSettings(
        protect=False, retain_on_delete=False
    )

    config |= {"fpga-web-service:protect": "true", "fpga-web-service:retainOnDelete": "true"}

    assert settings.read(config, {}).protection == settings.ProtectionSettings(
        protect=True, retain_on_delete=True
    )


@pytest.mark.parametrize("written", [json.dumps({"team": "vision", "password": SECRET}), SECRET])
def test_tags_with_a_secret_in_them_are_refused_and_not_told(config: dict[str, str], written: str) -> None:
    config["fpga-web-service:tags"] = written
    encrypted = {"azure-native:clientSecret", "fpga-web-service:tags"}

    with pytest.raises(SettingsError) as caught:
        settings.read(config, {}, secret_keys=encrypted)

    assert caught.value.problems == (
        "fpga-web-service:tags is encrypted in the stack's file, in part or whole: it ends up where many may "
        "read it. Remove it (`pulumi config rm fpga-web-service:tags`), and set what is no secret in plain",
    )


def test_a_client_secret_that_stands_in_plain_is_refused_and_not_told(config: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read(config, {}, secret_keys=set())

    (problem,) = caught.value.problems
    assert problem.startswith("azure-native:clientSecret stands in plain in the stack's file: ")
    assert problem.endswith("`pulumi config set --secret azure-native:clientSecret`")
    assert SECRET not in problem
    encrypted = {"azure-native:clientSecret"}
    assert settings.read(config, {}, secret_keys=encrypted).azure.client_secret == SECRET
