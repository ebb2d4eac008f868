"""The NetworkPolicies: who reaches what. A cluster whose network does not enforce them is open."""

from __future__ import annotations

from typing import Final

from fpga.cloud.kubernetes import parts, ray, server
from fpga.cloud.kubernetes.wanted import Manifest, Wanted

_ANY_PORTS: Final = (32768, 60999)
"""Those that Linux gives to who asks for any: replicas' own, and localcloud's for packages (ip(7))."""
_DNS: Final = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def policies(wanted: Wanted) -> list[Manifest]:
    """The policies of both parts; without workers that of localcloud alone."""
    open_to_all = [
        {"protocol": "TCP", "port": server.HTTPS_PORT},
        {"protocol": "TCP", "port": server.SCORING_PORT},
        {"protocol": "UDP", "port": server.DNS_PORT},
        {"protocol": "TCP", "port": server.DNS_PORT},
    ]
    ingress: list[Manifest] = [{"ports": open_to_all}]
    if not wanted.workers:
        return [_policy(wanted, wanted.name, parts.SERVER, {"ingress": ingress})]
    ingress.append({"from": [_pods(wanted, parts.RAY)], "ports": _ranges(ray.PORTS, _ANY_PORTS)})
    both = [_pods(wanted, parts.SERVER), _pods(wanted, parts.RAY)]
    of_ray = {
        "ingress": [
            # Ray's own ports: the cluster's pods alone
            {"from": both, "ports": _ranges(ray.PORTS)},
            # replicas' ports: localcloud's pod alone, where the edge is
            {"from": [_pods(wanted, parts.SERVER)], "ports": _ranges(_ANY_PORTS)},
        ],
        # a model is a program of somebody's: it reaches nobody else
        "egress": [{"to": both}, _DNS],
    }
    return [
        _policy(wanted, wanted.name, parts.SERVER, {"ingress": ingress}),
        _policy(wanted, wanted.ray, parts.RAY, of_ray),
    ]


def _policy(wanted: Wanted, name: str, part: str, rules: Manifest) -> Manifest:
    spec = {
        "podSelector": {"matchLabels": parts.pods(wanted, part)},
        "policyTypes": [word.capitalize() for word in rules],
        **rules,
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": parts.metadata(wanted, name, part),
        "spec": spec,
    }


def _pods(wanted: Wanted, part: str) -> Manifest:
    return {"podSelector": {"matchLabels": parts.pods(wanted, part)}}


def _ranges(*ranges: tuple[int, int]) -> list[Manifest]:
    return [{"protocol": "TCP", "port": first, "endPort": last} for first, last in ranges]
