"""A service: a model on an FPGA, with or without SSL. Updated in place, it keeps address, port and keys."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)
from pulumi.output import Unknown

from infra import catalogue
from infra.providers import engine_log, move, room
from infra.providers.base import CloudProvider, Props, changed, only, properties, with_secrets
from infra.settings import naming
from surroundings import json_text

if TYPE_CHECKING:
    from clients.azure.model_management import Service as DeployedService
    from clients.azure.model_management import ServiceRequest

_REPLACING = ("account_id", "name")
_NUMBER = ("replicas", "max_replicas")
_UPDATING = ("model_id", "ssl_enabled", "ssl_certificate", "ssl_key", "fingerprint", *_NUMBER)
_INPUTS = (*_REPLACING, *_UPDATING, "adopt", move.SERVER, move.CLOUD)
_SUCCEEDED = "Succeeded"
_MODEL_ID = "fpga-web-service:modelId"
_SERVICES = "fpga-web-service:services"


class ServiceProvider(CloudProvider):
    def check(self, olds: Props, news: Props) -> CheckResult:
        """A name set by hand that is taken is refused before what bore the old one is deleted; with consent,
        the preview, which shows a create, says that it is a taking over.
        """
        result = super().check(olds, news)
        if move.CLOUD in olds and olds[move.CLOUD] != news.get(move.CLOUD):
            problem = move.cloud_problem(olds[move.CLOUD], self._clouds().azure, self.cloud)
            if problem is not None:
                result.failures.append(CheckFailure(move.CLOUD, problem))
                return result
        self._find_moves(olds, news, result.failures)
        if result.failures or isinstance(news["account_id"], Unknown) or not changed(_REPLACING, olds, news):
            return result
        found = self.management(news["account_id"]).services_named(news["name"])
        if not found:
            return result
        from clients.azure.takeover import taken, taking_over

        if not news["adopt"] and not self._is_own(found, news):
            result.failures.append(CheckFailure("name", taken(news["name"], found[0].id)))
        elif news["adopt"] and not naming.is_suffixed(news["name"]):
            # what bears a name of our own making is ours: a run that died left it, or a replacement ends it
            replicas, most = _declared(news)
            told = taking_over(found[0], ssl=bool(news["ssl_enabled"]), replicas=replicas, most=most)
            engine_log.warn_once(told)
        return result

    def _find_moves(self, olds: Props, news: Props, failures: list[CheckFailure]) -> None:
        """Tells of a move of the account, and refuses one that cannot be made."""
        is_apart = move.SERVER in news or move.SERVER in olds
        if not olds or not (is_apart or changed(("account_id",), olds, news)):
            return
        server = self.management_cloud()
        problem = move.problem(olds, news, server, self.signed_in_management)
        if problem is not None:
            failures.append(CheckFailure(move.SERVER, problem))
        elif (warning := move.warning(olds, server)) is not None:
            engine_log.warn_once(warning)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_REPLACING, olds, news)
        updates = changed(_UPDATING, olds, news)
        failed = olds.get("state") != _SUCCEEDED
        return DiffResult(changes=bool(replaces or updates or failed), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        management = self.management(props["account_id"])
        from clients.azure.takeover import ensure_service

        adopt = bool(props["adopt"]) or self._is_own(management.services_named(props["name"]), props)
        service = self._with_room(props, lambda: ensure_service(management, _request(props), adopt=adopt))
        return CreateResult(service.id, _deployed(props, service))

    def update(self, id_: str, _olds: Props, news: Props) -> UpdateResult:
        management = self.management(news["account_id"])
        service = self._with_room(news, lambda: management.update_service(id_, _request(news)))
        return UpdateResult(_deployed(news, service))

    def read(self, id_: str, props: Props) -> ReadResult:
        """Reads what the API tells; the certificate, which it does not tell, by a TLS handshake."""
        if self.is_elsewhere(props["account_id"]):
            engine_log.warn_once(move.not_looked_at(f"The service {props['name']}", props["account_id"]))
            return ReadResult(id_, dict(props), only(_INPUTS, props))
        service = self.management(props["account_id"]).settled(id_)
        if service is None:
            return ReadResult(None, {})
        known = {key: value for key, value in only(_INPUTS, props).items() if key not in _NUMBER}
        inputs = {**known, "name": service.name, "model_id": service.model_id, **_number(service)}
        if service.state == _SUCCEEDED:
            inputs.update(_seen_on_the_wire(service.address, service.port, inputs))
        kept = {key: value for key, value in props.items() if key not in _NUMBER}
        return ReadResult(id_, {**kept, **inputs, "state": service.state}, inputs)

    def delete(self, id_: str, props: Props) -> None:
        if self.is_elsewhere(props["account_id"]):
            engine_log.warn_once(move.left(f"The service {props['name']}", props["account_id"]))
            return
        self.management(props["account_id"]).delete_service(id_)

    def _with_room(self, props: Props, act: Callable[[], DeployedService]) -> DeployedService:
        """A service of several in the stack waits for the FPGAs that another one gives back meanwhile."""
        return room.awaited(act, props["name"]) if self.setting(_SERVICES) else act()

    def _is_set(self, model_id: str) -> bool:
        """Whether the settings name this model, which somebody else has registered then."""
        items = json_text.loads(self.setting(_SERVICES) or "[]")
        return model_id in (self.setting(_MODEL_ID), *(item.get("modelId") for item in items))

    def _is_own(self, found: Sequence[DeployedService], props: Props) -> bool:
        """Tells what a run of this stack made, and never heard of, from what somebody else gave the name.

        It runs the very model that this stack registered, whose id nobody else declares, and serves the
        certificate that is declared (none, where SSL is off), whose key nobody else has.
        """
        if len(found) != 1 or found[0].model_id != props.get("model_id") or self._is_set(found[0].model_id):
            return False
        if found[0].state != _SUCCEEDED:  # it serves nothing yet, or failed to
            return True
        from clients.azure.errors import ClientError

        try:
            return not _seen_on_the_wire(found[0].address, found[0].port, props)
        except ClientError:
            return False


def _deployed(props: Props, service: DeployedService) -> Props:
    if (service.replicas, service.most_replicas) != _declared(props):
        engine_log.warn_once(
            f"The service {service.name} tells another number of replicas than it was given just now: "
            "somebody else scales it, or the account's server is of a version that knows no autoScaler."
        )
    elif service.shortage:
        engine_log.warn_once(f"The service {service.name}: {service.shortage}")
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return {**props, "state": service.state, "deployed_at": now}


def _request(props: Props) -> ServiceRequest:
    from clients.azure.model_management import ServiceRequest, Tls

    tls = Tls(props["ssl_certificate"], props["ssl_key"]) if props["ssl_enabled"] else None
    replicas, most = _declared(props)
    return ServiceRequest(props["name"], props["model_id"], tls, replicas=replicas, most_replicas=most)


def _declared(props: Props) -> tuple[int, int | None]:
    """How many replicas there are to be, and may be: the engine hands numbers out as floats."""
    most = props.get("max_replicas")
    return int(props.get("replicas") or 1), None if most is None else int(most)


def _number(service: DeployedService) -> Props:
    """The inputs that declare as many replicas as a service is to have: none for one, as in states of before.

    How many there are of those that follow the calls is nobody's input.
    """
    found: Props = {} if service.replicas == 1 else {"replicas": service.replicas}
    return found if service.most_replicas is None else {**found, "max_replicas": service.most_replicas}


def _seen_on_the_wire(address: str, port: int, declared: Props) -> Props:
    """The inputs that differ from the declared certificate: a leaf that is another, or none."""
    from clients.tls import fingerprint, served_certificate

    der = served_certificate(address, port)
    seen = fingerprint(der) if der else ""
    if seen == declared["fingerprint"]:
        return {}
    return {
        "ssl_enabled": der is not None,
        "ssl_certificate": ssl.DER_cert_to_PEM_cert(der) if der else "",
        "fingerprint": seen,
    }


@dataclass(frozen=True)
class ServiceArgs:
    """Inputs of a service.

    Attributes:
        name: the physical name.
        adopt: whether a service that bears the name already is this one.
        ssl_certificate: the chain, leaf first, PEM; with SSL off empty, as are `ssl_key` and `fingerprint`.
        ssl_key: its private key, PEM; a secret.
        fingerprint: SHA-256 of the leaf.
        replicas: how many there are to be; None: one.
        max_replicas: how many there may be where their number follows the calls; None: `replicas` it is.
        server: the management server (`move.described`); None: the account is in the cloud of all else.
        cloud: that of groups, storage and zones (`move.described`).
    """

    account_id: pulumi.Input[str]
    model_id: pulumi.Input[str]
    name: str
    adopt: bool
    ssl_enabled: bool
    ssl_certificate: pulumi.Input[str]
    ssl_key: pulumi.Input[str]
    fingerprint: pulumi.Input[str]
    replicas: int | None = None
    max_replicas: int | None = None
    server: Mapping[str, str] | None = None
    cloud: Mapping[str, str] | None = None


class Service(Resource, module=catalogue.MODULE, name=catalogue.SERVICE.type_name):
    """A web service on an FPGA; its id is the account's id for it.

    `deployed_at` (RFC 3339, UTC) is when this stack changed it last.
    """

    deployed_at: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = properties(catalogue.SERVICE, args, ("state", "deployed_at"))
        # a create adopts what bears the name: made first, a replacement would adopt the one to be deleted
        safe = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True))
        super().__init__(ServiceProvider(), name, props, with_secrets(catalogue.SERVICE, safe))
