"""The endpoint that a stack has deployed, as its outputs tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fpga.errors import CommandError

if TYPE_CHECKING:
    from clients.prediction.client import PredictionClient

KeyName = Literal["primary", "secondary"]


@dataclass(frozen=True)
class Endpoint:
    """Outputs of a stack. Texts are empty where SSL is off; the keys are not in the repr.

    Attributes:
        fqdn: in A-labels, as it goes over the wire.
        fqdn_unicode: as people write it; empty where that is the same.
    """

    account: str
    resource_group: str
    subscription_id: str
    location: str
    fqdn: str
    fqdn_unicode: str
    ip: str
    port: int
    ssl_enabled: bool
    name_servers: tuple[str, ...]
    certificate_fingerprint: str
    certificate_expiry: str
    root_certificate: str = field(repr=False)
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)

    @classmethod
    def from_outputs(cls, stack: str, outputs: Mapping[str, Any]) -> Endpoint:
        """Reads a stack's outputs; of one with several services, those of one of them (`predict.services`).

        Raises:
            CommandError: the stack is not deployed, or not by this program.
        """
        try:
            return cls(
                account=outputs["account"],
                resource_group=outputs["resourceGroup"],
                subscription_id=outputs["subscriptionId"],
                location=outputs["location"],
                fqdn=outputs["fqdn"],
                fqdn_unicode=outputs.get("fqdnUnicode", ""),
                ip=outputs["ip"],
                port=int(outputs["port"]),
                ssl_enabled=bool(outputs["sslEnabled"]),
                name_servers=tuple(outputs["nameServers"]),
                certificate_fingerprint=outputs["certificateFingerprint"],
                certificate_expiry=outputs["certificateExpiry"],
                root_certificate=outputs["rootCertificate"],
                primary_key=outputs["primaryKey"],
                secondary_key=outputs["secondaryKey"],
            )
        except KeyError as error:
            raise CommandError(
                f"The stack {stack} has no output {error}: it is not deployed yet, or not to its end. "
                f"Run `fpga up`, or `pulumi up -s {stack}`."
            ) from None

    @property
    def shown_name(self) -> str:
        """The FQDN for people, and as it goes over the wire where that differs."""
        return f"{self.fqdn_unicode} ({self.fqdn})" if self.fqdn_unicode else self.fqdn

    def client(self, key: KeyName, name_server: str | None, timeout_s: float) -> PredictionClient:
        """A client that calls the endpoint by its name, over TLS with the key where SSL is on.

        Args:
            name_server: `ADDRESS[:PORT]` to ask; None: the stack's own, where those are addresses (the
                system's resolver does not know the zone), else the system's.
        """
        from clients.dns.resolution import literal_address
        from clients.prediction.client import PredictionClient

        servers = [name_server] if name_server else list(self.name_servers)
        if not name_server and any(literal_address(server.rpartition(":")[0]) is None for server in servers):
            servers = []
        if not self.ssl_enabled:
            return PredictionClient(self.fqdn, self.port, name_servers=servers, timeout_s=timeout_s)
        return PredictionClient(
            self.fqdn,
            self.port,
            use_ssl=True,
            access_token=self.primary_key if key == "primary" else self.secondary_key,
            root_certificates=self.root_certificate.encode() or None,
            name_servers=servers,
            timeout_s=timeout_s,
        )
