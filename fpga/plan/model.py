"""The plan, which tells what an update would do: frozen, JSON-ready, comparable.

Its JSON is an interface: `schema` counts up when a reader of an older one would misread it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fpga.errors import CommandError
from fpga.plan import fields

SCHEMA: Final = 1
OPERATIONS: Final = ("create", "import", "update", "replace", "delete", "forget")
UNKNOWN_WORDS: Final = "known after apply"
SECRET_WORDS: Final = "(secret)"  # noqa: S105 - what stands in a secret's place


@dataclass(frozen=True)
class Value:
    """A property's value in words.

    Attributes:
        kind: `plain`; `unknown` (until the update), `secret`; `certificates` (PEM) and `long`, which are told
            by their hash.
        text: the words.
        sha256: hash (hex) of what the words do not tell in full; it differs where the values do.
    """

    kind: str
    text: str
    sha256: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Difference:
    """A property that changes. `before` or `after` is None where it is not set then.

    Attributes:
        path: in the names of the resource's own inputs, such as `sku.name` or `aRecords[0].ipv4Address`.
    """

    path: str
    before: Value | None
    after: Value | None


@dataclass(frozen=True)
class Change:
    """A change to one resource.

    Attributes:
        operation: one of OPERATIONS; `forget` leaves it in the cloud and lets it go from the state.
        differences: of its inputs, by path; of one that is created or deleted, all.
        reasons: sentences that say why, where the differences do not.
        replaced_by: the inputs that require a replacement.
        deleted_first: a replacement is made only after what it replaces is gone.
        cloud: the host of the cloud that it is in; empty: one cloud has all, or it is in none.
        service: the logical name of the service that it is of; empty: services share it, or the stack has
            one, without a name.
    """

    urn: str
    name: str
    type: str
    operation: str
    differences: tuple[Difference, ...] = ()
    reasons: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    deleted_first: bool = False
    cloud: str = ""
    service: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type: `Service`, `RecordSet`."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True)
class Drift:
    """A resource that a refresh found not as the state has it, or (`gone`) not there any more; `cloud` and
    `service` as in `Change`.
    """

    urn: str
    name: str
    type: str
    gone: bool
    differences: tuple[Difference, ...]
    cloud: str = ""
    service: str = ""

    @property
    def kind(self) -> str:
        """The last part of the type: `Service`, `RecordSet`."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True)
class Certificate:
    """The service's certificate. Moments are RFC 3339, UTC; what is not known before the update is empty.

    Attributes:
        names: DNS names of the leaf.
        source: `files`, `pfx`, `config`, `self_signed`, `acme`; of one in the state that no resource issued,
            `provided`.
        issued_at_apply: nothing but names, source and, maybe, issuer is known.
        public_key_sha256: hash of the leaf's public key: another one means another private key.
        days_left: whole days when the plan was made; None: not known. It changes by itself.
    """

    names: tuple[str, ...]
    issuer: str
    source: str
    issued_at_apply: bool = False
    serial_number: str = ""
    fingerprint_sha256: str = ""
    public_key_sha256: str = ""
    not_before: str = ""
    not_after: str = ""
    certificates: int = 0
    days_left: int | None = None


@dataclass(frozen=True)
class CertificateChange:
    """The certificates that the service serves before and after; None: no SSL, or no service.

    Attributes:
        root_changes: callers need another root certificate than the one that they were given.
    """

    before: Certificate | None
    after: Certificate | None
    changes: bool
    root_changes: bool


@dataclass(frozen=True)
class KeysChange:
    """Generations of the authentication keys as (primary, secondary); None: there are no keys then.

    Attributes:
        callers: what callers need to know, in sentences; empty: nothing changes for them.
    """

    before: tuple[int, int] | None
    after: tuple[int, int] | None
    callers: tuple[str, ...]


@dataclass(frozen=True)
class RecordSet:
    """A DNS record set: TTL in seconds; `values` are its addresses, or names."""

    name: str
    type: str
    ttl_s: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class RecordChange:
    """A record set before and after; None: it is not there then. `service` as in `Change`."""

    before: RecordSet | None
    after: RecordSet | None
    service: str = ""


@dataclass(frozen=True)
class PolicyFinding:
    """A finding of a policy pack about a resource (`name`; empty: about the stack).

    `service` is as in `Change`.
    """

    pack: str
    rule: str
    enforcement: str
    name: str
    urn: str
    message: str
    service: str = ""

    @property
    def stops(self) -> bool:
        """Whether an update is refused for it."""
        return self.enforcement == "mandatory"


@dataclass(frozen=True)
class ServicePlan:
    """The plan of one of several services, as far as its changes, drift and records do not tell it.

    Attributes:
        name: the logical one.
        unchanged, certificate, ssl, keys: as in `Plan`, of this service alone.
    """

    name: str
    unchanged: int
    certificate: CertificateChange | None
    ssl: tuple[bool | None, bool | None]
    keys: KeysChange | None


@dataclass(frozen=True)
class Plan:
    """The plan of an update of a stack.

    Attributes:
        succeeded: False: the preview failed, `errors` or `policy` say why, and `changes` is not all.
        refreshed: whether the cloud was looked at first, and `drift` says what was found.
        unchanged: number of resources that stay as they are (components and providers are not counted).
        certificate: also where it does not change, for its dates; None: there is no service, or `services`
            have one each.
        ssl: whether SSL is on, before and after; None: there is no service then, or `services` have it.
        keys: None: they stay, there are none, or `services` have them.
        services: those that have names, by name; none of a stack whose one service has no name.
        outputs: names of the stack's outputs that change; values that are known after apply count as others.
    """

    project: str
    stack: str
    succeeded: bool
    refreshed: bool
    changes: tuple[Change, ...]
    unchanged: int
    drift: tuple[Drift, ...]
    certificate: CertificateChange | None
    ssl: tuple[bool | None, bool | None]
    keys: KeysChange | None
    records: tuple[RecordChange, ...]
    policy: tuple[PolicyFinding, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    services: tuple[ServicePlan, ...] = ()

    @property
    def does_nothing(self) -> bool:
        """Whether an update would leave all as it is: resources, and what the stack tells of them."""
        return not self.changes and not self.outputs

    @property
    def counts(self) -> dict[str, int]:
        """The number of resources by operation, in the order of OPERATIONS; `same` is not there."""
        done = [change.operation for change in self.changes]
        return {operation: done.count(operation) for operation in OPERATIONS if operation in done}

    def parts(self) -> tuple[tuple[str, Plan], ...]:
        """The plan of what services share, whose name is empty, and then each service's by its name.

        Of a stack whose one service has no name it is the plan itself.
        """
        if not self.services:
            return (("", self),)
        shared = self._part("", unchanged=self.unchanged - sum(one.unchanged for one in self.services))
        return (
            ("", shared),
            *(
                (
                    one.name,
                    self._part(
                        one.name,
                        unchanged=one.unchanged,
                        certificate=one.certificate,
                        ssl=one.ssl,
                        keys=one.keys,
                    ),
                )
                for one in self.services
            ),
        )

    def _part(self, name: str, **own: Any) -> Plan:
        return replace(
            self,
            changes=tuple(one for one in self.changes if one.service == name),
            drift=tuple(one for one in self.drift if one.service == name),
            records=tuple(one for one in self.records if one.service == name),
            policy=tuple(one for one in self.policy if one.service == name),
            services=(),
            **own,
        )

    def decisions(self) -> dict[str, Any]:
        """The decisions, by URN and by rule: nothing that the moment colours, no words that explain."""
        return {
            "succeeded": self.succeeded,
            "changes": {
                change.urn: {
                    "operation": change.operation,
                    "differences": [fields.plain(difference) for difference in change.differences],
                    "replaced_by": list(change.replaced_by),
                }
                for change in self.changes
            },
            "policy": sorted([one.pack, one.rule, one.enforcement, one.urn] for one in self.policy),
        }

    def digest(self) -> str:
        """SHA-256 (hex) of the decisions: two plans with the same one do the same."""
        text = json.dumps({"project": self.project, "stack": self.stack, **self.decisions()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `digest` and `counts` are in it for readers that do not know this class."""
        return {"schema": SCHEMA, "digest": self.digest(), "counts": self.counts, **fields.plain(self)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` was given.

        Raises:
            CommandError: it is no plan, one of another schema, or its digest is not that of its content.
        """
        if not isinstance(told, Mapping) or told.get("schema") != SCHEMA:
            found = told.get("schema") if isinstance(told, Mapping) else None
            raise CommandError(
                f"This is no plan of schema {SCHEMA} (its schema: {found!r}): make it anew with "
                "`fpga plan --out`."
            )
        try:
            plan: Plan = fields.built(cls, told)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CommandError(
                "This plan is damaged, fields are missing: make it anew with `fpga plan --out`."
            ) from None
        if plan.digest() != told.get("digest"):
            raise CommandError(
                "This plan was changed after it was made, its digest is another: make it anew with "
                "`fpga plan --out`."
            )
        return plan
