"""Knocks at ports of a cluster in every way that may open one, and prints what each of them answers, as JSON.

    python -m tests.support.cluster.knocking PORTS CA OTHERS [OWN]

PORTS are `[[address, port], …]`; CA, the cluster's certificate, is no secret; OTHERS is a machine's folder of
another cluster; OWN one of this cluster, of which the certificate is shown, and never the token.
"""

from __future__ import annotations

import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import grpc

METHODS: Final = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.InternalKVGcsService/InternalKVKeys",
    "/ray.rpc.ActorInfoGcsService/RegisterActor",
    "/ray.rpc.JobInfoGcsService/AddJob",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.NodeManagerService/RequestWorkerLease",
    "/ray.rpc.ObjectManagerService/Push",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/PushTask",
    "/ray.rpc.CoreWorkerService/Exit",
    "/ray.serve.ASGIService/HandleRequest",
    "/ray.serve.UserDefinedService/__call__",
    "/grpc.health.v1.Health/Check",
)
"""Methods of the head, of a raylet, of workers, of replicas; and the one that asks how a server is."""
_PAGES: Final = (
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/api/jobs/"),
    ("POST", "/api/jobs/"),
    ("GET", "/api/v0/logs"),
    ("PUT", "/api/serve/applications/"),
    ("POST", "/get_or_create_runtime_env"),
    ("POST", "/delete_runtime_env_if_possible"),
)
_TIMEOUT_S: Final = 20.0


def main(ports: list[list[str | int]], ca: bytes, folders: dict[str, Path]) -> dict[str, dict[str, str]]:
    """The answers by port, each by the way it was knocked at."""
    with ThreadPoolExecutor(8) as pool:
        knocked = {
            f"{address}:{port}": pool.submit(_knock, str(address), int(port), ca, folders)
            for address, port in ports
        }
        return {target: future.result() for target, future in knocked.items()}


def _knock(address: str, port: int, ca: bytes, folders: dict[str, Path]) -> dict[str, str]:
    target = f"{address}:{port}"
    channels = {
        "plain": grpc.insecure_channel(target),
        "without certificate": grpc.secure_channel(target, grpc.ssl_channel_credentials(ca)),
    }
    for way, folder in folders.items():
        key, certificate = (folder / "tls.key").read_bytes(), (folder / "tls.crt").read_bytes()
        channels[way] = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, key, certificate))
    told = {}
    for way, channel in channels.items():
        for method in METHODS:
            told[f"{way} {method}"] = _called(channel, method)
        channel.close()
    for verb, path in _PAGES:
        told[f"HTTP {verb} {path}"] = _asked(address, port, verb, path)
    return told


def _called(channel: grpc.Channel, method: str) -> str:
    try:
        channel.unary_unary(method, _as_it_is, _as_it_is)(b"", timeout=_TIMEOUT_S)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def _as_it_is(message: bytes) -> bytes:
    return message


def _asked(address: str, port: int, verb: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT_S)
    try:
        connection.request(verb, path, "{}" if verb != "GET" else None)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return "no answer"
    finally:
        connection.close()


if __name__ == "__main__":
    named = dict(zip(("another CA", "own, without token"), map(Path, sys.argv[3:]), strict=False))
    print(json.dumps(main(json.loads(sys.argv[1]), Path(sys.argv[2]).read_bytes(), named)))
