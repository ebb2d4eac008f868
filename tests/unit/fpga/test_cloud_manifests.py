"""Manifests of Kubernetes: what the API's schemas take, who reaches what, and that no secret is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fpga.cloud.kubernetes import files, parts, server
from fpga.cloud.kubernetes.wanted import Manifest, Wanted, check
from fpga.errors import CommandError
from tests.support.kubernetes import problems

PLAIN = Wanted(image="registry.example/fpga:1", address="203.0.113.5")
ALONE = replace(PLAIN, workers=0)
FULL = replace(
    PLAIN,
    dns_name="models.contoso.com",
    issuer="ClusterIssuer/letsencrypt",
    storage_class="fast",
    encrypted=True,
    name="scoring",
    namespace="team",
)
ALL = [PLAIN, ALONE, FULL, replace(FULL, workers=0), replace(PLAIN, service_type="ClusterIP")]


def objects(wanted: Wanted) -> list[Manifest]:
    """The objects as a reader of the YAML has them."""
    text = files.text([one for found in files.manifests(wanted).values() for one in found])
    return [one for one in yaml.safe_load_all(text) if one is not None]


def only(wanted: Wanted, kind: str, name: str | None = None) -> Manifest:
    (found,) = (
        one for one in objects(wanted) if one["kind"] == kind and name in (None, one["metadata"]["name"])
    )
    return found


def pods(wanted: Wanted) -> Iterator[Manifest]:
    """The specs of all pods."""
    yield only(wanted, "StatefulSet")["spec"]["template"]["spec"]
    if wanted.workers:
        cluster = only(wanted, "RayCluster")["spec"]
        yield cluster["headGroupSpec"]["template"]["spec"]
        yield cluster["workerGroupSpecs"][0]["template"]["spec"]


def containers(wanted: Wanted) -> list[Manifest]:
    return [one for pod in pods(wanted) for one in (*pod["initContainers"], *pod["containers"])]


def within(value: Any) -> Iterator[Any]:
    """A value, and all that is in it."""
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(one)


@pytest.mark.parametrize("wanted", ALL)
def test_the_schemas_take_each_object(wanted: Wanted) -> None:
    check(wanted)
    assert [problem for one in objects(wanted) for problem in problems(one)] == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "told"),
    [
        ("StatefulSet", ("spec", "template", "spec", "securityContext", "runAsUser"), "root", "not of type"),
        ("StatefulSet", ("spec", "replica"), 1, "'replica' was unexpected"),
        ("NetworkPolicy", ("spec", "ingress", 0, "form"), [], "'form' was unexpected"),
        ("Service", ("spec", "ports", 0, "port"), "https", "not of type"),
        ("RayCluster", ("spec", "authOptions", "mode"), "tls", "is not one of ['disabled', 'token']"),
        ("RayCluster", ("spec", "headGroupSpec", "template", "spec", "container"), [], "was unexpected"),
        ("Certificate", ("spec", "secret"), "x", "'secret' was unexpected"),
    ],
)
def test_the_schemas_refuse_what_the_api_refuses(
    kind: str, path: tuple[Any, ...], value: object, told: str
) -> None:
    manifest = next(one for one in objects(FULL) if one["kind"] == kind)
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert told in "\n".join(problems(manifest))


@pytest.mark.parametrize("wanted", [PLAIN, FULL])
def test_no_pod_has_more_rights_than_it_needs(wanted: Wanted) -> None:
    for pod in pods(wanted):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        volumes = {volume["name"] for volume in pod["volumes"]} | {"data"}
        for container in (*pod["initContainers"], *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@pytest.mark.parametrize("wanted", ALL)
def test_secrets_are_named_and_never_held(wanted: Wanted) -> None:
    found = objects(wanted)
    assert not [one for one in found if one["kind"] == "Secret"]
    for one in found:
        for value in within(one):
            if isinstance(value, dict) and "valueFrom" in value:
                assert value["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    named = {
        value["secret"]["secretName"]
        for one in found
        for value in within(one)
        if isinstance(value, dict) and "secret" in value
    }
    made = "\n".join(files.secrets(wanted))
    certified = {one["spec"]["secretName"] for one in found if one["kind"] == "Certificate"}
    assert all(name in certified or f" {name} " in made for name in named)


def test_the_key_of_the_clusters_ca_reaches_the_first_container_alone() -> None:
    for container in containers(FULL):
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert ("ray-ca" in mounted) == (container["name"] == "files")


@pytest.mark.parametrize("wanted", [PLAIN, FULL])
def test_every_process_of_ray_asks_for_the_token_and_uses_tls(wanted: Wanted) -> None:
    ray = only(wanted, "RayCluster")["spec"]
    assert ray["authOptions"] == {"mode": "token", "secretName": f"{wanted.ray}-token"}
    for container in containers(wanted):
        if container["name"] == "files":
            continue
        told = {one["name"]: one.get("value") for one in container["env"]}
        assert told["RAY_AUTH_MODE"] == "token"
        assert told["RAY_USE_TLS"] == "1"
        assert told["RAY_TLS_SERVER_KEY"] == f"{parts.RAY_TLS}/tls.key"


def test_a_localcloud_alone_has_nothing_of_ray() -> None:
    assert "ray" not in files.text(objects(ALONE)).lower().replace("array", "")


def test_the_ports_of_ray_are_for_its_pods_and_those_of_replicas_for_localcloud() -> None:
    policy = only(FULL, "NetworkPolicy", FULL.ray)["spec"]
    server_pods = {"podSelector": {"matchLabels": parts.pods(FULL, parts.SERVER)}}
    ray_pods = {"podSelector": {"matchLabels": {"ray.io/cluster": FULL.ray}}}
    assert policy["podSelector"] == ray_pods["podSelector"]
    own, replicas = policy["ingress"]
    assert own["from"] == [server_pods, ray_pods]
    assert replicas["from"] == [server_pods]
    open_to_ray = {
        port
        for one in own["ports"]
        for port in (one["port"], one["endPort"])
        if one["port"] <= 32768 <= one["endPort"]
    }
    assert not open_to_ray  # replicas' ports begin there
    start = only(FULL, "RayCluster")["spec"]["workerGroupSpecs"][0]["rayStartParams"]
    ranges = [range(one["port"], one["endPort"] + 1) for one in own["ports"]]
    ports = [int(value) for name, value in start.items() if name.endswith("-port")]
    assert len(ports) == 8
    assert all(any(port in allowed for allowed in ranges) for port in ports)


def test_a_policy_selects_the_pods_that_there_are() -> None:
    labels = only(FULL, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selected = only(FULL, "NetworkPolicy", FULL.name)["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= labels.items()
    assert only(FULL, "Service", FULL.name)["spec"]["selector"].items() <= labels.items()


def test_calls_under_way_end_before_the_pod() -> None:
    from localcloud.settings import END_S

    pod = only(PLAIN, "StatefulSet")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > server.settings(PLAIN)["drainTimeout"] + END_S


def test_probes_ask_the_public_route() -> None:
    from localcloud.health import PATH

    (container,) = only(PLAIN, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": PATH, "port": "https", "scheme": "HTTPS"}


@pytest.mark.parametrize("wanted", ALL)
def test_localcloud_takes_its_settings(wanted: Wanted, tmp_path: Path) -> None:
    from localcloud.configuration import reading
    from localcloud.network import reach

    file = tmp_path / "cloud.yaml"
    file.write_text(only(wanted, "ConfigMap")["data"]["cloud.yaml"])
    settings = reading.read({}, file).settings()
    assert settings.data == Path("/var/lib/localcloud/data")
    assert list(reach.problems(settings)) == []
    assert (settings.ray is not None) == bool(wanted.workers)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "Local"}, "--name Local is no name"),
        ({"name": "l" * 31}, "30 at most"),
        ({"namespace": "-x"}, "--namespace -x is no name"),
        ({"image": "UPPER CASE"}, "--image UPPER CASE is no image"),
        ({"address": "models.contoso.com"}, "--address models.contoso.com is no IPv4 address"),
        ({"address": "127.0.0.1"}, "--address 127.0.0.1 is no IPv4 address"),
        ({"service_type": "External"}, "give one of LoadBalancer, NodePort, ClusterIP"),
        ({"storage": "20"}, "--storage 20 is no size"),
        ({"memory": "lots"}, "--memory lots is no size"),
        ({"workers": -1}, "--workers -1 is less than none"),
        ({"cores": 0}, "--cores 0 is no number of cores"),
        ({"issuer": "Vault/x", "dns_name": "a.test"}, "--issuer Vault/x is no issuer"),
        ({"issuer": "le"}, "give --dns-name, too"),
        ({"dns_name": "no name"}, "--dns-name no name is no DNS name"),
    ],
)
def test_what_no_server_takes_is_refused_in_words(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(CommandError) as refused:
        check(replace(PLAIN, **changed))
    assert told in str(refused.value)


def test_files_are_written_once_and_nobodys_work_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    assert [path.name for path in files.write(FULL, folder)] == list(files.manifests(FULL))
    assert files.write(FULL, folder) == []
    files.write(ALONE, folder)
    assert sorted(path.name for path in folder.iterdir()) == list(files.manifests(ALONE))
    own = folder / "40-localcloud.yaml"
    own.write_text(own.read_text() + "# mine\n")
    with pytest.raises(CommandError, match="changed since"):
        files.write(FULL, folder)
    assert own.read_text().endswith("# mine\n")
    assert not (folder / "30-ray.yaml").exists()
