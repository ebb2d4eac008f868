"""localcloud's StatefulSet, settings and Services. Its edge, Envoy, is its child in the same container."""

from __future__ import annotations

from typing import Any, Final

import yaml

from fpga.cloud.kubernetes import parts, ray
from fpga.cloud.kubernetes.wanted import Manifest, Wanted
from localcloud.cluster.membership import HEAD_PORT

FEATURIZERS: Final = "/opt/fpga-web-service/model/featurizers"
"""Where the image has the built-in featurizers."""
HTTPS_PORT: Final = 8443
DNS_PORT: Final = 8053
SCORING_PORT: Final = 50051
_DRAIN_S: Final = 30
_DATA: Final = "/var/lib/localcloud"
_CONFIG: Final = "/etc/localcloud"
_TLS: Final = f"{parts.SECRETS}/tls"
_EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod's address is another after each start


def settings(wanted: Wanted) -> dict[str, Any]:
    """localcloud's settings, by their keys in its file (docs/server-settings.md)."""
    found: dict[str, Any] = {
        # a folder that localcloud makes itself, for itself alone
        "data": f"{_DATA}/data",
        "featurizers": FEATURIZERS,
        "host": _EVERY_ADDRESS,
        "public": True,
        "advertiseHost": wanted.dns_name or wanted.address,
        "httpsPort": HTTPS_PORT,
        "advertiseHttpsPort": 443,
        "dnsPort": DNS_PORT,
        "advertiseDnsHost": wanted.address,
        "advertiseDnsPort": 53,
        "blobHost": "127.0.0.1",
        "scoringNetwork": _EVERY_ADDRESS,
        "advertiseScoring": wanted.address,
        "scoringPort": SCORING_PORT,
        "scoringLastPort": SCORING_PORT,
        "edge": "envoy",
        "drainTimeout": _DRAIN_S,
    }
    if wanted.dns_name is not None:
        found["name"] = wanted.dns_name
    if wanted.issuer is not None:
        found |= {
            "certificateSource": "files",
            "certificateChainFile": f"{_TLS}/tls.crt",
            "certificateKeyFile": f"{_TLS}/tls.key",
        }
    if wanted.encrypted:
        found["encryptionKeyFile"] = parts.ENCRYPTION_KEY
    if wanted.workers:
        found |= {
            "ray": f"{wanted.ray_address}:{HEAD_PORT}",
            "rayToken": parts.RAY_TOKEN,
            "rayTls": parts.RAY_TLS,
            "fallback": "local",
        }
    return found


def config_map(wanted: Wanted) -> Manifest:
    """The file of settings."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": parts.metadata(wanted, wanted.name, parts.SERVER),
        "data": {"cloud.yaml": yaml.safe_dump(settings(wanted), sort_keys=False)},
    }


def services(wanted: Wanted) -> list[Manifest]:
    """The Service that callers reach, and the one by which Kubernetes names the pod."""
    selector = parts.pods(wanted, parts.SERVER)
    ports = [
        _port("https", 443, HTTPS_PORT, "TCP"),
        _port("grpc", SCORING_PORT, SCORING_PORT, "TCP"),
        _port("dns", 53, DNS_PORT, "UDP"),
        _port("dns-tcp", 53, DNS_PORT, "TCP"),
    ]
    spec: Manifest = {"type": wanted.service_type, "selector": selector, "ports": ports}
    if wanted.service_type != "ClusterIP":
        # wrong keys are slowed by the caller's own address
        spec["externalTrafficPolicy"] = "Local"
    headless = {"clusterIP": "None", "selector": selector, "ports": ports[:1]}
    return [
        _service(wanted, wanted.name, spec),
        _service(wanted, f"{wanted.name}-pod", headless),
    ]


def stateful_set(wanted: Wanted) -> Manifest:
    """The one pod, whose data is in a volume that stays."""
    claim: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": wanted.storage}},
    }
    if wanted.storage_class is not None:
        claim["storageClassName"] = wanted.storage_class
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": parts.metadata(wanted, wanted.name, parts.SERVER),
        "spec": {
            "serviceName": f"{wanted.name}-pod",
            # one process writes to a data folder
            "replicas": 1,
            "selector": {"matchLabels": parts.pods(wanted, parts.SERVER)},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": {
                "metadata": {"labels": parts.labels(wanted, parts.SERVER)},
                "spec": _pod(wanted),
            },
            "volumeClaimTemplates": [
                {"metadata": {"name": "data", "labels": parts.labels(wanted)}, "spec": claim}
            ],
        },
    }


def _pod(wanted: Wanted) -> Manifest:
    from localcloud.settings import END_S

    volumes, mounts = parts.scratch()
    volumes.append({"name": "config", "configMap": {"name": wanted.name}})
    files, file_mounts = [], []
    if wanted.issuer is not None:
        volumes.append(parts.secret("tls", f"{wanted.name}-tls"))
    if wanted.encrypted:
        volumes.append(parts.secret("encryption-key", f"{wanted.name}-encryption-key"))
        file_mounts.append(parts.mount("encryption-key", f"{parts.SECRETS}/encryption-key", read_only=True))
        files += ["--copy", f"{parts.SECRETS}/encryption-key/encryption-key", parts.ENCRYPTION_KEY]
    first: list[Manifest] = []
    if wanted.workers:
        secret_volumes, secret_mounts = parts.ray_secrets(wanted)
        shm_volume, shm_mount = ray.memory_volume()
        volumes += [*secret_volumes, shm_volume]
        file_mounts += secret_mounts
        files += parts.ray_files_command(wanted)
    if files:
        first.append(parts.preparation(wanted, files, [*mounts, *file_mounts]))
    own = [
        parts.mount("data", _DATA),
        parts.mount("config", _CONFIG, read_only=True),
        *mounts,
    ]
    if wanted.issuer is not None:
        own.append(parts.mount("tls", _TLS, read_only=True))
    if wanted.workers:
        first.append(ray.raylet(wanted))
        own.append(shm_mount)
    return {
        "automountServiceAccountToken": False,
        "securityContext": parts.pod_rights(),
        "terminationGracePeriodSeconds": _DRAIN_S + int(END_S) + 5,
        "initContainers": first,
        "containers": [_container(wanted, own)],
        "volumes": volumes,
    }


def _container(wanted: Wanted, mounts: list[Manifest]) -> Manifest:
    look = {"httpGet": {"path": "/health", "port": "https", "scheme": "HTTPS"}}
    return {
        "name": "localcloud",
        "image": wanted.image,
        "command": ["python", "-m", "localcloud", "serve", "--config", f"{_CONFIG}/cloud.yaml"],
        "env": parts.variables(ray.ray_variables() if wanted.workers else ()),
        "ports": [
            {"name": "https", "containerPort": HTTPS_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": SCORING_PORT, "protocol": "TCP"},
            {"name": "dns", "containerPort": DNS_PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": DNS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": look | {"periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": look | {"periodSeconds": 5, "timeoutSeconds": 5},
        "livenessProbe": look | {"periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 6},
        "securityContext": parts.container_rights(),
        "resources": parts.resources("2", "4Gi"),
        "volumeMounts": mounts,
    }


def _service(wanted: Wanted, name: str, spec: Manifest) -> Manifest:
    metadata = parts.metadata(wanted, name, parts.SERVER)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _port(name: str, port: int, target: int, protocol: str) -> Manifest:
    return {"name": name, "port": port, "targetPort": target, "protocol": protocol}
