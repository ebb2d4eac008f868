"""Settings that cannot work are refused before anything is started."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.cluster import installed, issuing
from localcloud.errors import StartError
from localcloud.settings import PackageHost, Settings, check, package_host

ACME: dict[str, Any] = {
    "name": "models.contoso.com",
    "certificate_source": "acme",
    "acme_directory": "https://acme.test/dir",
    "acme_terms_agreed": True,
}
EVERY = "0.0.0.0"  # noqa: S104
EDGED: dict[str, Any] = {"edge": "envoy", "envoy": Path("/usr/bin/env")}
ON_EVERY = "--scoring-network 0.0.0.0 is every address of this machine: name the one that callers reach, or "
GOOD = Settings(Path("/nonexistent/data"), Path("/nonexistent/featurizers"))


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("Store.example", "store.example", None),
        ("[0:0::1]:9000", "::1", 9000),
    ],
)
def test_package_hosts_are_read(written: str, host: str, port: int | None) -> None:
    assert package_host(written) == PackageHost(host, port)


def test_defaults_are_good() -> None:
    check(GOOD)
    check(replace(GOOD, **ACME))
    assert not GOOD.has_blob_storage


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"host": "0.0.0.0"}, "--host 0.0.0.0 is every address of this machine"),  # noqa: S104
        ({"host": "0.0.0.0", "public": True}, "--host 0.0.0.0 is every address"),  # noqa: S104
        ({"host": "localhost"}, "--host localhost is not an IPv4 address"),
        ({"host": "::1"}, "--host ::1 is not an IPv4 address"),
        ({"host": "10.1.2.3"}, "--host 10.1.2.3 is not loopback: other machines would reach it"),
        ({"host": "203.0.113.7", "public": True}, "--host 203.0.113.7: 203.0.113.7 is no address of this"),
        ({"name": "https://models.contoso.com"}, "--name https://models.contoso.com is no DNS name"),
        ({"name": "models"}, "--name models is no DNS name"),
        ({"name": "10.1.2.3"}, "--name 10.1.2.3 is no DNS name"),
        ({"name": "bücher.example"}, "--name bücher.example is no DNS name"),
        ({"https_port": 70000}, "--https-port 70000 is no port"),
        ({"dns_port": -1}, "--dns-port -1 is no port"),
        ({"blob_port": 65536}, "--blob-port 65536 is no port"),
        ({"scoring_port": 0}, "--scoring-port 0 is no port"),
        ({"scoring_network": "10.0.0.0/8"}, "--scoring-network 10.0.0.0/8 is not loopback"),
        ({"scoring_network": "::1/128"}, "--scoring-network ::1/128 is not IPv4"),
        ({"scoring_network": EVERY, "public": True}, "--scoring-network 0.0.0.0 is every address of this"),
        (EDGED | {"scoring_network": EVERY, "public": True}, f"{ON_EVERY}give --public and --advertise-sc"),
        (
            EDGED | {"scoring_network": EVERY, "advertise_scoring": "203.0.113.5"},
            f"{ON_EVERY}give --public and --advertise-scoring, too, which tells it to them",
        ),
        (
            {"scoring_network": "10.0.0.0/8", "public": True},
            "--scoring-network 10.0.0.0/8 has 16777214 addresses",
        ),
        (
            {"scoring_network": "203.0.113.0/30", "public": True},
            "--scoring-network 203.0.113.0/30: 203.0.113.1 is no address of this machine",
        ),
        ({"scoring_network": "127.0.0.1/8"}, "--scoring-network 127.0.0.1/8 is no network"),
        ({"node": Path("/usr/bin/node")}, "--node and --azurite go together"),
        (
            {"package_hosts": ("127.0.0.1:9000", "http://127.0.0.1")},
            "--package-host http://127.0.0.1 names no",
        ),
        ({"package_hosts": ("127.0.0.1:70000",)}, "--package-host 127.0.0.1:70000 names no host"),
        ({"package_hosts": ("[fpga]:1",)}, r"--package-host \[fpga\]:1 names no host"),
        ({"package_hosts": ("",)}, "--package-host  names no host"),
        ({"certificate_source": "mine"}, "--certificate-source mine is not known: give own or files or acme"),
        ({"certificate_source": "files"}, "--certificate-source files needs --certificate-chain-file"),
        (
            {"certificate_source": "files", "certificate_chain_file": Path("/tls/chain.pem")},
            "--certificate-source files needs --certificate-key-file",
        ),
        (
            {"certificate_chain_file": Path("/tls/chain.pem")},
            "--certificate-chain-file /tls/chain.pem is for the source files: choose that with",
        ),
        ({"acme_terms_agreed": True}, "--acme-terms-agreed true is for the source acme"),
        ({"certificate_source": "acme"}, "--certificate-source acme needs --acme-directory"),
        (
            {"certificate_source": "acme", "acme_directory": "https://acme.test/dir"},
            "--certificate-source acme needs --acme-terms-agreed",
        ),
        (ACME | {"name": None}, "--certificate-source acme needs --name: an authority issues for a name"),
        (ACME | {"acme_directory": "acme.test"}, "--acme-directory acme.test is no directory: give its URL"),
        (
            ACME | {"acme_contact": "mailto:ops@contoso.com"},
            "--acme-contact mailto:ops@contoso.com is no mail",
        ),
        (
            ACME | {"advertise_host": "203.0.113.5"},
            "--advertise-host 203.0.113.5 is an address, and --certificate",
        ),
        (ACME | {"acme_eab_key_id": "kid-1"}, "--acme-eab-key-id and --acme-eab-hmac-key-file go together"),
        (
            ACME | {"acme_resolvers": ("dns.test",)},
            "--acme-resolver dns.test is no resolver: give its IPv4 addr",
        ),
        (ACME | {"acme_resolvers": ("127.0.0.1:0",)}, "--acme-resolver 127.0.0.1:0 is no resolver"),
        ({"acme_resolvers": ("127.0.0.1",)}, "--acme-resolver 127.0.0.1 is for the source acme"),
        (ACME | {"acme_contact": "ops"}, "--acme-contact ops is no mail address"),
    ],
)
def test_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError, match=f"^{message}"):
        check(replace(GOOD, **changed))


@pytest.fixture
def with_replicas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that ask for replicas, with fit files, where Ray is installed."""
    monkeypatch.setattr("localcloud.placing.asked.obstacle", lambda: None)
    monkeypatch.setattr("localcloud.binding.has_address", lambda _address: True)
    issuing.make(tmp_path, ["10.0.0.5"])
    own = tmp_path / "10.0.0.5"
    return replace(GOOD, ray="10.0.0.5:6379", ray_token=own / "token", ray_tls=own)


def test_replicas_are_taken_where_all_that_they_need_is_there(with_replicas: Settings) -> None:
    check(with_replicas)
    check(replace(with_replicas, fallback="local"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ray": "10.0.0.5"}, r"--ray 10\.0\.0\.5 is no place: give HOST:PORT"),
        ({"ray": "10.0.0.5:0"}, r"--ray 10\.0\.0\.5:0 is no place"),
        ({"ray": None, "ray_tls": None}, "--ray-token .*/token is for replicas, and none are asked for: giv"),
        (
            {"ray": None, "ray_tls": None, "ray_token": None, "fallback": "local"},
            "--fallback local is for replicas, and none are asked for: give --ray, too",
        ),
        ({"fallback": "none"}, "--fallback none is not known: give local"),
        (
            {"ray_token": None},
            "--ray 10.0.0.5:6379 needs --ray-token, the file of the cluster's token: whoev",
        ),
        (
            {"ray_tls": None},
            "--ray 10.0.0.5:6379 needs --ray-tls, the folder of its ca.crt, tls.crt and tls.k",
        ),
        ({"ray_token": Path("/nonexistent")}, "--ray-token /nonexistent: /nonexistent cannot be read"),
        ({"ray_tls": Path("/nonexistent")}, "--ray-tls /nonexistent: /nonexistent/ca.crt cannot be read"),
    ],
)
def test_replicas_are_refused_in_words(
    with_replicas: Settings, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(StartError, match=message):
        check(replace(with_replicas, **changed))


@pytest.mark.parametrize(("name", "setting"), [("token", "--ray-token"), ("tls.key", "--ray-tls")])
def test_secrets_of_the_cluster_that_others_may_read_are_refused(
    with_replicas: Settings, name: str, setting: str
) -> None:
    assert with_replicas.ray_tls is not None
    file = with_replicas.ray_tls / name
    file.chmod(0o640)
    with pytest.raises(StartError) as refused:
        check(with_replicas)
    assert f"{setting} " in str(refused.value)
    assert f"{file} may be read or written by others (mode 0640): `chmod 600 {file}`" in str(refused.value)


def test_without_ray_it_says_what_to_install(
    with_replicas: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.placing.asked.obstacle", installed.obstacle)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(StartError) as refused:
        check(with_replicas)
    pip = Path(sys.executable).with_name("pip")
    assert str(refused.value) == (
        "--ray 10.0.0.5:6379 needs Ray, which is not installed: in the checkout, "
        f"`{pip} install --require-hashes --no-deps -r engine/tools/ray.lock`."
    )
