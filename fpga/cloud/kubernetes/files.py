"""Manifests as files, in the order in which they are applied, and what is to be made beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from fpga.cloud.kubernetes import certificates, network, parts, ray, server
from fpga.cloud.kubernetes.wanted import Manifest, Wanted
from fpga.errors import CommandError
from fpga.files import write_whole

_HEAD: Final = (
    "# Made by `fpga cloud manifests`. Changes of your own: a kustomization beside this folder.\n# {}\n"
)
_HEADER: Final = re.compile(r"# Made by `fpga cloud manifests`\.[^\n]*\n# ([0-9a-f]{64})\n")


def manifests(wanted: Wanted) -> dict[str, list[Manifest]]:
    """The objects, by the names of their files."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": wanted.namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    found = {
        "00-namespace.yaml": [namespace],
        "10-network.yaml": network.policies(wanted),
        "20-certificates.yaml": certificates.certificates(wanted),
        "30-ray.yaml": [ray.claim(wanted), ray.cluster(wanted)] if wanted.workers else [],
        "40-localcloud.yaml": [
            server.config_map(wanted),
            *server.services(wanted),
            server.stateful_set(wanted),
        ],
    }
    return {name: objects for name, objects in found.items() if objects}


def text(objects: list[Manifest]) -> str:
    """Objects as one stream of YAML."""
    return "---\n".join(yaml.dump(one, Dumper=_Plain, sort_keys=False, width=110) for one in objects)


class _Plain(yaml.SafeDumper):
    """Writes each part out where it stands: an anchor is for no reader."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - as it is called
        return True


def write(wanted: Wanted, folder: Path) -> list[Path]:
    """Writes the files that are not there yet as they are to be; those.

    Raises:
        CommandError: a file of that name was not made here, or somebody has changed it since.
        OSError: one cannot be written.
    """
    contents = {folder / name: _marked(text(objects)) for name, objects in manifests(wanted).items()}
    stale = [path for path in sorted(folder.glob("[0-9]0-*.yaml")) if path not in contents]
    for path in (*contents, *stale):
        if path.exists() and not _is_ours(path.read_text("utf-8", "replace")):
            raise CommandError(
                f"{path} was not made by `fpga cloud manifests`, or changed since: move it away, or name "
                "another folder."
            )
    folder.mkdir(parents=True, exist_ok=True)
    changed = [path for path, content in contents.items() if write_whole(path, content.encode(), 0o644)]
    for path in stale:
        path.unlink()
    return changed


def secrets(wanted: Wanted) -> Iterator[str]:
    """The commands that make the Secrets which the manifests name and do not hold."""
    make = f"kubectl --namespace {wanted.namespace} create secret"
    if wanted.workers:
        # without the end of its line, which a header of a call cannot have
        yield (
            f'printf %s "$(cat token)" | {make} generic {wanted.ray}-token '
            f"--from-file={parts.TOKEN_KEY}=/dev/stdin"
        )
        if wanted.issuer is None:
            yield f"{make} tls {wanted.ray}-ca --cert=ca.crt --key=ca.key"
    if wanted.encrypted:
        yield f"{make} generic {wanted.name}-encryption-key --from-file=encryption-key"


def _marked(body: str) -> str:
    return _HEAD.format(hashlib.sha256(body.encode()).hexdigest()) + body


def _is_ours(content: str) -> bool:
    header = _HEADER.match(content)
    return header is not None and _marked(content[header.end() :]) == content
