"""The publication of the proofs of ACME's DNS-01 (RFC 8555, 8.4), in the zone that the graph declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def present(self, name: str, value: str) -> None:
        """Publishes `value`, and returns when every server answers it.

        Raises:
            ClientError: the record cannot be written, or a server does not answer it in time.
        """
        self.records.put(naming.relative_record_name(name, self.zone), value)
        wait_for_txt(name, value, self.servers, deadline_s=max(0, round(self.left_s())), tell=self.tell)

    def cleanup(self, name: str) -> None:
        """Removes what this stack has at `name`, whichever run it is from.

        Raises:
            ClientError: Resource Manager refused, or did not answer.
        """
        self.records.remove(naming.relative_record_name(name, self.zone))
