"""A machine's part in a cluster, kept in its folder, and the command line of Ray that it stands for. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcloud.cluster.credentials import Credentials
from localcloud.errors import StartError
from localcloud.scoring.addresses import Endpoint

HEAD_PORT: Final = 6379
"""The head's, as Ray has it by default."""
NODE_MANAGER, OBJECT_MANAGER, RUNTIME_ENV_AGENT = 6380, 6381, 6382
"""Ports of each machine: two of its raylet, and that of an agent which its raylet alone calls."""
WORKERS: Final = range(6400, 6600)
"""Ports of each machine's workers: a replica's process has one of them."""
STORE: Final = "store"
"""The folder in a machine's folder by which a head knows its cluster again."""
OBJECT_STORE_BYTES: Final = 80_000_000
"""Replicas pass nothing through it; about the least that Ray takes."""


@dataclass(frozen=True)
class Membership:
    """What a machine is in a cluster.

    Attributes:
        head: where the head takes nodes.
        address: this machine's own.
        replicas: how many it is to have room for; 0: none.
        credentials: its files.
    """

    head: Endpoint
    address: str
    replicas: int
    credentials: Credentials

    @property
    def is_head(self) -> bool:
        """Whether it is the head itself."""
        return self.head.address == self.address

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that must be free on it, besides those of its workers."""
        of_all = (NODE_MANAGER, OBJECT_MANAGER, RUNTIME_ENV_AGENT)
        return (self.head.port, *of_all) if self.is_head else of_all

    def arguments(self, temporary: Path) -> list[str]:
        """The arguments of `ray` that start it, in the foreground.

        Args:
            temporary: the folder of Ray's sockets and logs.
        """
        part = (
            ["--head", f"--port={self.head.port}", "--no-monitor"]
            if self.is_head
            else [f"--address={self.head.target}"]
        )
        return [
            *("start", "--block", *part, f"--node-ip-address={self.address}"),
            # twice: an update's replicas are beside those of before for a while
            *(f"--num-cpus={max(1, self.replicas)}", f'--resources={{"scoring": {2 * self.replicas}}}'),
            *(f"--object-store-memory={OBJECT_STORE_BYTES}", f"--temp-dir={temporary}"),
            *(f"--node-manager-port={NODE_MANAGER}", f"--object-manager-port={OBJECT_MANAGER}"),
            *(f"--runtime-env-agent-port={RUNTIME_ENV_AGENT}",),
            *(f"--min-worker-port={WORKERS.start}", f"--max-worker-port={WORKERS.stop - 1}"),
            *("--include-log-monitor=false", "--disable-usage-stats"),
        ]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON has it; of the credentials, the places."""
        return {
            "head": list(self.head),
            "address": self.address,
            "replicas": self.replicas,
            "token": str(self.credentials.token_file),
            "tls": str(self.credentials.tls_folder),
        }

    @classmethod
    def read(cls, file: Path) -> Membership | None:
        """What a file holds that `to_json` told; None: there is none.

        Raises:
            StartError: it is damaged.
        """
        try:
            told = json.loads(file.read_bytes())
            address, port = told["head"]
            files = Credentials(Path(told["token"]), Path(told["tls"]))
            return cls(Endpoint(str(address), int(port)), str(told["address"]), int(told["replicas"]), files)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise StartError(f"{file} is damaged: delete it, and join again.") from None
