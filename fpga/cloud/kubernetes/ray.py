"""The RayCluster that replicas are placed on (KubeRay), and the raylet that localcloud's pod has of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fpga.cloud.kubernetes import parts
from fpga.cloud.kubernetes.wanted import Manifest, Wanted
from localcloud.cluster import start_hook
from localcloud.cluster.credentials import Credentials
from localcloud.cluster.membership import (
    HEAD_PORT,
    NODE_MANAGER,
    OBJECT_MANAGER,
    OBJECT_STORE_BYTES,
    RUNTIME_ENV_AGENT,
    WORKERS,
)

VERSION: Final = "2.60.0"
_ROOM: Final = 2
"""Replicas a core: one for each core, and as many beside them while a model is swapped."""
_STORE: Final = "/data/gcs"
_HEAD_AWAY_S: Final = "600"
"""So long a node waits for its head to come back; then it ends, with its replicas."""
_SHM: Final = "/dev/shm"  # noqa: S108 - a volume of the pod's own
_PORTS: Final = {
    "node-manager-port": str(NODE_MANAGER),
    "object-manager-port": str(OBJECT_MANAGER),
    "runtime-env-agent-port": str(RUNTIME_ENV_AGENT),
    "dashboard-agent-grpc-port": "6383",
    "dashboard-agent-listen-port": "6384",
    "metrics-export-port": "6385",
    "min-worker-port": str(WORKERS.start),
    "max-worker-port": str(WORKERS.stop - 1),
}
"""Ports of Ray that are any free ones else, and that no rule of a network could name."""
PORTS: Final = HEAD_PORT, WORKERS.stop - 1
"""The first and the last of all of them."""
_HEAD: Final = {"dashboard-host": "127.0.0.1", "no-monitor": "true"}
"""Nobody asks it by HTTP, and nothing follows Ray's own idea of load."""
_OWN_ADDRESS: Final = {"node-ip-address": "$POD_IP"}
"""As the shell reads it by which KubeRay starts Ray."""
_PARAMS: Final = _PORTS | {"object-store-memory": str(OBJECT_STORE_BYTES), "include-log-monitor": "false"}


def cluster(wanted: Wanted) -> Manifest:
    """The RayCluster: a head without replicas, whose store outlives it, and workers with them."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": parts.metadata(wanted, wanted.ray, parts.RAY),
        "spec": {
            "rayVersion": VERSION,
            "enableInTreeAutoscaling": False,
            "authOptions": {"mode": "token", "secretName": f"{wanted.ray}-token"},
            "headGroupSpec": {
                "rayStartParams": _PARAMS | _OWN_ADDRESS | _HEAD,
                "resources": {"CPU": "1", "scoring": "0"},
                "template": _head(wanted),
            },
            "workerGroupSpecs": [
                {
                    "groupName": "replicas",
                    "replicas": wanted.workers,
                    "minReplicas": wanted.workers,
                    "maxReplicas": wanted.workers,
                    "rayStartParams": _PARAMS | _OWN_ADDRESS,
                    "resources": {"CPU": str(wanted.cores), "scoring": str(_ROOM * wanted.cores)},
                    "template": _pod(wanted, "ray-worker", str(wanted.cores), wanted.memory),
                }
            ],
        },
    }


def raylet(wanted: Wanted) -> Manifest:
    """The container by which localcloud's pod is a node of the cluster, too: a driver needs one beside it."""
    params = {
        "address": f"{wanted.ray_address}:{HEAD_PORT}",
        "node-ip-address": "$(POD_IP)",
        "num-cpus": "1",
        "resources": '{"scoring": 0}',
        **_PARAMS,
    }
    return {
        "name": "raylet",
        "image": wanted.image,
        # runs beside the others, and ends after them
        "restartPolicy": "Always",
        "command": ["ray", "start", "--block", *(f"--{key}={value}" for key, value in params.items())],
        "env": parts.variables(ray_variables()),
        "securityContext": parts.container_rights(),
        "resources": parts.resources("250m", "1Gi"),
        "volumeMounts": [*parts.scratch()[1], parts.mount("shm", _SHM)],
    }


def memory_volume() -> tuple[Manifest, Manifest]:
    """The volume that Ray's processes of a pod share, and its mount."""
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}}
    return volume, parts.mount("shm", _SHM)


def ray_variables() -> list[Manifest]:
    """The variables that have Ray ask for the token and use TLS, as any machine of the cluster has them."""
    own = Credentials(Path(parts.RAY_TOKEN), Path(parts.RAY_TLS))
    return [
        *(parts.variable(name, value) for name, value in (own.environment() | start_hook.VARIABLES).items()),
        parts.variable("RAY_gcs_rpc_server_reconnect_timeout_s", _HEAD_AWAY_S),
    ]


def claim(wanted: Wanted) -> Manifest:
    """The volume of the head's store: what is placed stands in it, and a new head reads it."""
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if wanted.storage_class is not None:
        spec["storageClassName"] = wanted.storage_class
    metadata = parts.metadata(wanted, f"{wanted.ray}-head", parts.RAY)
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _head(wanted: Wanted) -> Manifest:
    """The head's pod. Variables name its store, for KubeRay's setting of it is behind a feature gate."""
    pod = _pod(wanted, "ray-head", "1", "4Gi")
    container = pod["spec"]["containers"][0]
    container["env"] += [
        parts.variable("RAY_gcs_storage", "rocksdb"),
        parts.variable("RAY_gcs_storage_path", _STORE),
    ]
    container["volumeMounts"].append(parts.mount("store", _STORE))
    own = {"name": "store", "persistentVolumeClaim": {"claimName": f"{wanted.ray}-head"}}
    pod["spec"]["volumes"].append(own)
    return pod


def _pod(wanted: Wanted, container: str, cpu: str, memory: str) -> Manifest:
    volumes, mounts = parts.scratch()
    secret_volumes, secret_mounts = parts.ray_secrets(wanted)
    shm_volume, shm_mount = memory_volume()
    return {
        "metadata": {"labels": parts.labels(wanted, parts.RAY)},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": parts.pod_rights(),
            "initContainers": [
                parts.preparation(wanted, parts.ray_files_command(wanted), [*mounts, *secret_mounts])
            ],
            "containers": [
                {
                    "name": container,
                    "image": wanted.image,
                    "env": parts.variables(ray_variables()),
                    "securityContext": parts.container_rights(),
                    "resources": parts.resources(cpu, memory),
                    "volumeMounts": [*mounts, shm_mount],
                }
            ],
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": parts.pods(wanted, parts.RAY)},
                }
            ],
            "volumes": [*volumes, *secret_volumes, shm_volume],
        },
    }
