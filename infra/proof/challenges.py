"""The publication of the proofs of ACME's DNS-01 (RFC 8555, 8.4), in the zone that the graph declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clients.azure.dns_records import TxtRecords
from clients.dns.zone import wait_for_txt
from infra.settings import naming


@dataclass(frozen=True)
class ZoneChallenges:
    """A publisher for `certs.acme.order`.

    Attributes:
        zone: its name; `servers`: `host:port` of each of its name servers.
        left_s: gives how long it may still wait for them, in seconds.
        tell: is given lines of progress.
    """

    records: TxtRecords
    zone: str
    servers: Sequence[str]
    left_s: Callable[[], float]
    tell: Callable[[str], None]

    def present(self, proofs: Mapping[str, Sequence[str]]) -> None:
        """Publishes the values of each name, and returns when every server answers all of them.

        Raises:
            ClientError: a record cannot be written, or a server does not answer it in time.
        """
        for count, (name, values) in enumerate(proofs.items(), 1):
            self.tell(f"Publishing the proof of {name} ({count} of {len(proofs)})")
            self.records.put(naming.relative_record_name(name, self.zone), *values)
        for name, values in proofs.items():
            for value in values:
                self._wait_for(name, value)

    def cleanup(self, name: str) -> None:
        """Removes what this stack has at `name`, whichever run it is from.

        Raises:
            ClientError: Resource Manager refused, or did not answer.
        """
        self.tell(f"Looking for what is left of the proof of {name}")
        self.records.remove(naming.relative_record_name(name, self.zone))

    def _wait_for(self, name: str, value: str) -> None:
        deadline_s = max(0, round(self.left_s()))
        wait_for_txt(name, value, self.servers, deadline_s=deadline_s, tell=self.tell)
