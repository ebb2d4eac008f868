"""The management server's settings: which cloud has the account and the service, and who signs in there."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import declared, settings
from infra.inputs import inputs
from infra.settings import clouds, management
from infra.settings.management import VARIABLES
from infra.settings.reader import SettingsError
from tests.support.certificates import forge

AZURE_ID = "11111111-2222-3333-4444-555555555555"
SERVER_ID = "99999999-8888-7777-6666-555555555555"
SECRET = "s3cr3t-of-the-server"
NAMESPACE = "fpga-web-service"
ENDED = "Azure itself has had no Model Management since January 2019"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    azure = dict.fromkeys(("tenantId", "subscriptionId", "clientId"), AZURE_ID)
    own = {
        "resourceGroup": "fpga",
        "account": "models",
        "modelPackage": str(tmp_path),
        "zone": "contoso.com",
        "fqdn": "www.contoso.com",
        "certificateSource": "self_signed",
        "managementHost": "models.contoso.com:8443",
        "managementTenantId": SERVER_ID,
        "managementSubscriptionId": SERVER_ID,
        "managementClientId": SERVER_ID,
        "managementClientSecret": SECRET,
    }
    return {
        **{f"azure-native:{key}": value for key, value in azure.items()},
        "azure-native:clientSecret": "azure's own",
        **{f"{NAMESPACE}:{key}": value for key, value in own.items()},
    }


def problems(config: dict[str, str], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settings.read(config, environ or {})
    return caught.value.problems


def without(config: dict[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in config.items() if key.partition(":")[2] not in keys}


def without_server(config: dict[str, str], **azure: str) -> dict[str, str]:
    own = {key: value for key, value in config.items() if ":management" not in key}
    return own | {f"azure-native:{key}": value for key, value in azure.items()}


def test_account_and_service_are_on_the_server_and_all_else_is_in_azure(config: dict[str, str]) -> None:
    read = settings.read(config, {})
    assert read.azure.metadata_host == "management.azure.com"
    assert read.management_cloud.metadata_host == "models.contoso.com:8443"
    assert read.management_cloud.subscription_id == SERVER_ID
    assert SECRET not in repr(read)

    on_server = {one.name for one in declared.resources(read) if one.on_server}
    assert on_server == {"management-resource-group", "account"}
    for one in declared.resources(read):
        subscription = SERVER_ID if one.on_server else AZURE_ID
        assert one.id.startswith(f"/subscriptions/{subscription}/resourceGroups/fpga"), one.name


def test_packages_may_be_on_the_server_too(config: dict[str, str]) -> None:
    read = settings.read(config | {f"{NAMESPACE}:managementStorage": "true"}, {})
    on_server = {one.name for one in declared.resources(read) if one.on_server}
    assert on_server == {"management-resource-group", "account", "storage", "packages"}


def test_without_a_server_one_cloud_has_all(config: dict[str, str]) -> None:
    read = settings.read(without_server(config, metadataHost="127.0.0.1:8443"), {})
    assert read.management_cloud is read.azure
    assert "management-resource-group" not in {one.name for one in declared.resources(read)}
    assert not any(one.on_server for one in declared.resources(read))


@pytest.mark.parametrize(
    "azure",
    [
        {},
        {"environment": "usgovernment"},
        {"metadataHost": "management.azure.com"},
        {"metadataHost": "https://Management.Azure.com:443/"},
        {"metadataHost": "management.chinacloudapi.cn"},
    ],
)
def test_azure_alone_is_told_that_its_service_ended(config: dict[str, str], azure: dict[str, str]) -> None:
    (problem,) = problems(without_server(config, **azure))
    assert problem.startswith("fpga-web-service:managementHost is not set")
    assert ENDED in problem


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("management.azure.com", "which is Azure itself"),
        ("https://MANAGEMENT.AZURE.COM:443", "which is Azure itself"),
        ("models.contoso.com/api", "it takes host or host:port"),
        ("http://models.contoso.com", "it takes host or host:port"),
        ("models contoso", "it takes host or host:port"),
        ("models.contoso.com:", "it takes host or host:port"),
        (":8443", "it takes host or host:port"),
        ("models.contoso.com:https", "it takes host or host:port"),
        ("models.contoso.com:0", "a port is a number from 1 to 65535"),
        ("models.contoso.com:70000", "a port is a number from 1 to 65535"),
        ("models..contoso.com", "has an empty label"),
        ("me@models.contoso.com", "it takes host or host:port"),
        ("10.0.0.300", "is no IP address"),
        ("::1", "stands in brackets, as in [::1]:8443"),
        ("[fe80::zz]:8443", "is no IP address"),
        ("management.azure.com.", "which is Azure itself"),
        ("management.azure.com:8443", "which is Azure itself"),
        ("login.microsoftonline.com", "which is Azure itself"),
    ],
)
def test_a_host_that_is_no_such_server_is_refused(config: dict[str, str], host: str, words: str) -> None:
    (problem,) = problems(config | {f"{NAMESPACE}:managementHost": host})
    assert problem.startswith(f"fpga-web-service:managementHost is '{host}'")
    assert words in problem


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://models.contoso.com/", "models.contoso.com"),
        ("Models.Contoso.COM.:08443", "models.contoso.com:8443"),
        ("möbel.contoso.com", "xn--mbel-5qa.contoso.com"),
        ("localhost:8443", "localhost:8443"),
        ("fpga_server:8443", "fpga_server:8443"),
        ("10.0.0.5:443", "10.0.0.5:443"),
        ("[0:0::1]:8443", "[::1]:8443"),
        ("[::1]", "[::1]"),
    ],
)
def test_a_host_has_one_form(config: dict[str, str], written: str, read: str) -> None:
    told = settings.read(config | {f"{NAMESPACE}:managementHost": written}, {})
    assert told.management_cloud.metadata_host == read


@pytest.mark.parametrize(
    ("azure", "server"),
    [
        ("10.0.0.5:8443", "10.0.0.5:8443"),
        ("models.contoso.com", "MODELS.contoso.com:443"),
        ("https://models.contoso.com.:443/", "models.contoso.com"),
    ],
)
def test_the_first_cloud_again_is_refused(config: dict[str, str], azure: str, server: str) -> None:
    hosts = {"azure-native:metadataHost": azure, f"{NAMESPACE}:managementHost": server}
    (problem,) = problems(config | hosts)
    assert "the cloud that azure-native:metadataHost names" in problem
    assert "`pulumi config rm fpga-web-service:managementHost`" in problem


def test_the_subscription_of_the_first_cloud_is_refused(config: dict[str, str]) -> None:
    (problem,) = problems(config | {f"{NAMESPACE}:managementSubscriptionId": AZURE_ID})
    assert problem.startswith("fpga-web-service:managementSubscriptionId is '")
    assert "and so is azure-native:subscriptionId" in problem


def test_all_that_is_wrong_is_told_at_once(config: dict[str, str], tmp_path: Path) -> None:
    wrong = {"managementHost": "http://x", "managementTenantId": "contoso", "managementRoots": "nowhere.pem"}
    told = problems(
        without(config, "managementSubscriptionId", "managementClientSecret")
        | {f"{NAMESPACE}:{key}": value for key, value in wrong.items()}
    )
    assert sorted(one.split()[0] for one in told) == [
        "fpga-web-service:managementClientSecret",
        "fpga-web-service:managementHost",
        "fpga-web-service:managementRoots",
        "fpga-web-service:managementSubscriptionId",
        "fpga-web-service:managementTenantId",
    ]
    less = without(config, "managementSubscriptionId", "managementClientSecret")
    missing = problems(less | {f"{NAMESPACE}:managementClientId": "app"})
    assert [one.split()[0].removeprefix("fpga-web-service:management") for one in missing] == [
        "ClientId",
        "SubscriptionId",
        "ClientSecret",
    ]


def with_key() -> bytes:
    root = forge.root()
    return forge.chain(root) + forge.key_pem(root.key)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no PEM", "holds no PEM block"),
        (b"\x30\x82\x01\x0a", "is binary"),
        (None, "is a directory"),
        ("with its key", "the key in its own file"),
    ],
)
def test_roots_that_are_none_are_refused(
    config: dict[str, str], tmp_path: Path, content: bytes | str | None, words: str
) -> None:
    roots = tmp_path / "roots.pem"
    if content is None:
        roots.mkdir()
    else:
        roots.write_bytes(with_key() if isinstance(content, str) else content)
    existing = {f"{NAMESPACE}:managementRoots": str(roots), f"{NAMESPACE}:modelId": "m"}
    stack = settings.read(without(config, "modelPackage") | existing, {})
    with pytest.raises(SettingsError) as caught:
        inputs.read(stack, lambda _: None)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{NAMESPACE}:managementRoots: ")
    assert str(roots) in problem
    assert words in problem
    assert "BEGIN" not in problem.replace("'-----BEGIN'", "")


@pytest.mark.parametrize("key", VARIABLES)
def test_what_signs_in_there_is_named_where_it_is_missing(config: dict[str, str], key: str) -> None:
    less = without(config, key)
    (problem,) = problems(less)
    assert problem.startswith(f"fpga-web-service:{key} is not set: `pulumi config set ")
    assert f"the variable {VARIABLES[key]}" in problem
    settings.read(less, {VARIABLES[key]: f" {SERVER_ID} "})


@pytest.mark.parametrize("key", ["managementTenantId", "managementSubscriptionId"])
def test_a_variable_that_is_no_id_is_refused_by_its_name(config: dict[str, str], key: str) -> None:
    (problem,) = problems(without(config, key), {VARIABLES[key]: "contoso"})
    assert problem.startswith(f"{VARIABLES[key]} is 'contoso': it is a UUID")


def test_the_stack_goes_before_the_variable(config: dict[str, str]) -> None:
    read = settings.read(config, dict.fromkeys(VARIABLES.values(), AZURE_ID))
    assert read.management_cloud.subscription_id == SERVER_ID
    assert read.management_cloud.client_secret == SECRET


def test_the_token_that_signs_in_to_azure_does_so_there(config: dict[str, str]) -> None:
    environ = {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "t0ken"}
    read = settings.read(without(config, "clientSecret", "managementClientSecret"), environ)
    assert read.management_cloud.federation is not None
    assert read.management_cloud.federation == read.azure.federation
    by_secret = settings.read(without(config, "clientSecret"), environ)
    assert by_secret.management_cloud.federation is None


def test_one_application_may_be_known_to_both_clouds(config: dict[str, str]) -> None:
    """Then nothing of who signs in is in the state: a refresh by another job is by that job."""
    less = without(config, "clientId", "clientSecret", "managementClientSecret", "managementClientId")
    environ = {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "t0ken", "ARM_CLIENT_ID": AZURE_ID}
    server = settings.read(less, environ).management_cloud
    assert server.client_id == AZURE_ID
    assert "clientId" not in management.provider_inputs(server, environ)
    # a plugin finds the variable alone, and not what the stack's file says of the other cloud
    by_file = settings.read(less | {"azure-native:clientId": AZURE_ID}, environ).management_cloud
    assert management.provider_inputs(by_file, {})["clientId"] == AZURE_ID
    (problem,) = problems(without(config, "managementClientId"))
    assert problem.startswith("fpga-web-service:managementClientId is not set: ")


@pytest.mark.parametrize(
    "key", ["managementTenantId", "managementClientSecret", "managementRoots", "managementStorage"]
)
def test_what_belongs_to_a_server_is_refused_without_one(
    config: dict[str, str], tmp_path: Path, key: str
) -> None:
    value = {"managementRoots": str(tmp_path), "managementStorage": "true"}.get(key, SERVER_ID)
    less = without_server(config, metadataHost="127.0.0.1:8443")
    assert problems(less | {f"{NAMESPACE}:{key}": value}) == (
        f"fpga-web-service:{key} is not used without managementHost: set that, too, or remove it",
    )


def test_a_secret_in_plain_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read(config, {}, secret_keys={"azure-native:clientSecret"})
    (problem,) = caught.value.problems
    assert problem.startswith("fpga-web-service:managementClientSecret stands in plain")
    assert SECRET not in problem


def test_providers_are_told_the_clouds_alone(config: dict[str, str], tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.touch()
    told = {key: value for key, value in config.items() if key in clouds.KEYS}
    read = clouds.read(told | {f"{NAMESPACE}:managementRoots": str(roots)}, {})
    assert read.management.metadata_host == "models.contoso.com:8443"
    assert (read.roots_of(read.management), read.roots_of(read.azure)) == (str(roots), None)
    assert read.of_packages is read.azure
    there = clouds.read(told | {f"{NAMESPACE}:managementStorage": "true"}, {})
    assert there.of_packages is there.management


def test_the_provider_is_given_what_no_variable_of_the_other_cloud_may_replace(
    config: dict[str, str],
) -> None:
    server = settings.read(config, {}).management_cloud
    assert management.provider_inputs(server, {}) == {
        "metadataHost": "models.contoso.com:8443",
        "tenantId": SERVER_ID,
        "subscriptionId": SERVER_ID,
        "clientId": SERVER_ID,
        "clientSecret": SECRET,
        "disableInstanceDiscovery": True,
        "environment": "public",
        "useOidc": False,
    }


def test_what_variables_tell_of_who_signs_in_is_not_kept_and_stays_apart_from_the_other_clouds(
    config: dict[str, str],
) -> None:
    less = without(config, "clientSecret", "managementClientId", "managementClientSecret")
    person = {
        "ARM_CLIENT_SECRET": "of-azure",
        "FPGA_MANAGEMENT_CLIENT_ID": "2" * 8 + SERVER_ID[8:],
        "FPGA_MANAGEMENT_CLIENT_SECRET": SECRET,
    }
    job = {
        "ARM_USE_OIDC": "true",
        "ARM_OIDC_TOKEN": "t0ken",
        "FPGA_MANAGEMENT_CLIENT_ID": "3" * 8 + SERVER_ID[8:],
    }
    for environ in (person, job):
        server = settings.read(less, environ).management_cloud
        assert management.provider_inputs(server, environ) == {
            "metadataHost": "models.contoso.com:8443",
            "tenantId": SERVER_ID,
            "subscriptionId": SERVER_ID,
            "disableInstanceDiscovery": True,
            "environment": "public",
        }
        assert management.provider_variables(server, environ) == {
            "FPGA_MANAGEMENT_CLIENT_ID": "ARM_CLIENT_ID",
            "FPGA_MANAGEMENT_CLIENT_SECRET": "ARM_CLIENT_SECRET",
        }
    own = settings.read(config, person).management_cloud
    assert management.provider_variables(own, person | {"FPGA_MANAGEMENT_CLIENT_SECRET": "other"}) == {}


def test_the_provider_finds_a_jobs_token_in_the_jobs_own_variables(config: dict[str, str]) -> None:
    less = without(config, "clientSecret", "managementClientSecret")
    environ = {"ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "t0ken"}
    by_job = settings.read(less, environ).management_cloud
    assert management.provider_inputs(by_job, environ).keys() & {"oidcToken", "clientSecret"} == set()
    assert management.provider_inputs(by_job, environ)["clientId"] == SERVER_ID
    by_file = settings.read(
        less | {"azure-native:useOidc": "true", "azure-native:oidcTokenFilePath": "/run/token"}, {}
    ).management_cloud
    told = management.provider_inputs(by_file, {})
    assert (told["oidcTokenFilePath"], told["useOidc"]) == ("/run/token", True)
