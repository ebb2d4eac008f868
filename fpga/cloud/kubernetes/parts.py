"""The parts that several manifests have: names, rights of pods, volumes with secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fpga.cloud.kubernetes.wanted import Manifest, Wanted

USER: Final = 10001
"""Whom containers run as; the image needs no entry for it."""
TMP: Final = "/tmp"  # noqa: S108 - a volume of the pod's own
MEMORY: Final = "/run/localcloud"
"""A volume in memory: certificates' keys, and what else no disk may keep."""
SECRETS: Final = "/run/secrets/fpga"
"""Secrets are mounted under it; Kubernetes gives them to a group, and localcloud takes files of its own."""
RAY_TLS: Final = f"{MEMORY}/ray"
"""Made in each pod by its first container: token, and a certificate for the pod's address."""
RAY_TOKEN: Final = f"{RAY_TLS}/token"
ENCRYPTION_KEY: Final = f"{MEMORY}/encryption-key"
TOKEN_KEY: Final = "auth_token"  # noqa: S105 - a key in a Secret
"""The key in its Secret that KubeRay asks for."""

SERVER: Final = "server"
RAY: Final = "ray"


def metadata(wanted: Wanted, name: str, part: str | None = None) -> Manifest:
    """The metadata of an object; `part`: what it is a part of, `SERVER` or `RAY`."""
    return {"name": name, "namespace": wanted.namespace, "labels": labels(wanted, part)}


def labels(wanted: Wanted, part: str | None = None) -> Manifest:
    """The labels by which objects are found."""
    found = {"app.kubernetes.io/name": "localcloud", "app.kubernetes.io/instance": wanted.name}
    return found if part is None else found | {"app.kubernetes.io/component": part}


def pods(wanted: Wanted, part: str) -> Manifest:
    """The labels that the pods of a part have, and no other ones; KubeRay sees to its own."""
    return {"ray.io/cluster": wanted.ray} if part == RAY else labels(wanted, part)


def pod_rights() -> Manifest:
    """The rights of a pod: those of a user without a name, whose group volumes are given to."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        # what localcloud keeps private stays so when the volume is mounted again
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_rights() -> Manifest:
    """The rights of a container: none, and a root that nobody writes to."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def variables(extra: Sequence[Manifest] = ()) -> list[Manifest]:
    """The variables that every container has."""
    own_address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return [own_address, variable("HOME", TMP), variable("RUNTIME_DIRECTORY", MEMORY), *extra]


def variable(name: str, value: str) -> Manifest:
    """A variable with a value."""
    return {"name": name, "value": value}


def scratch() -> tuple[list[Manifest], list[Manifest]]:
    """The volumes that containers write to beside their data, and where they are mounted."""
    volumes = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    ]
    return volumes, [mount("tmp", TMP), mount("memory", MEMORY)]


def mount(name: str, path: str, *, read_only: bool = False) -> Manifest:
    """A volume, where a container finds it."""
    found: Manifest = {"name": name, "mountPath": path}
    return found | {"readOnly": True} if read_only else found


def secret(volume: str, name: str) -> Manifest:
    """A volume with a Secret, by its name alone."""
    return {"name": volume, "secret": {"secretName": name, "defaultMode": 0o440}}


def ray_secrets(wanted: Wanted) -> tuple[list[Manifest], list[Manifest]]:
    """The volumes with the token and CA of the Ray cluster, and where the first container finds them."""
    volumes = [secret("ray-token", f"{wanted.ray}-token"), secret("ray-ca", f"{wanted.ray}-ca")]
    mounts = [mount(name, f"{SECRETS}/{name}", read_only=True) for name in ("ray-token", "ray-ca")]
    return volumes, mounts


def ray_files_command(wanted: Wanted) -> list[str]:
    """The words that have `localcloud.pod` make a pod's files of these."""
    folder = f"{SECRETS}/ray-ca"
    token = f"{SECRETS}/ray-token/{TOKEN_KEY}"
    return ["--ray", folder, token, RAY_TLS, "--address", "$(POD_IP)", "--name", wanted.ray_address]


def preparation(wanted: Wanted, words: list[str], mounts: list[Manifest]) -> Manifest:
    """The container that runs first, and makes files of Secrets that only the pod's user reads."""
    return {
        "name": "files",
        "image": wanted.image,
        "command": ["python", "-m", "localcloud.pod", *words],
        "env": variables(),
        "securityContext": container_rights(),
        "resources": resources("100m", "128Mi"),
        "volumeMounts": mounts,
    }


def resources(cpu: str, memory: str) -> Manifest:
    """The cores and memory that a container is given, and no more memory."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
