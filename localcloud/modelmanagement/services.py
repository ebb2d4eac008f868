"""Services: what is asked for, what is kept, and what the API shows of it."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.arm.resources import now
from localcloud.datafolder.store import vault_of
from localcloud.datafolder.vault import Place
from localcloud.errors import CloudError
from localcloud.modelmanagement import replicas
from localcloud.modelmanagement.fields import (
    COMPUTE_TYPE,
    compute_type,
    invalid,
    optional_flag,
    optional_text,
    text,
)
from localcloud.modelmanagement.keys import AuthKeys, GivenKeys, parse_keys
from localcloud.modelmanagement.operations import FAILED, NOT_STARTED, SUCCEEDED, Failure
from localcloud.modelmanagement.replicas import Replicas
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import TlsError
from localcloud.scoring.tls import TlsMaterial, read_material

_PRIVATE_KEY, _PRIMARY, _SECONDARY = "private_key", "primary_key", "secondary_key"
"""Columns that hold secrets."""
ONE = Replicas(1)
"""The number of replicas of a service whose create asks for none."""


@dataclass(frozen=True)
class Change:
    """A change that a request asks of a service, already checked.

    Attributes:
        model_id: None: as it is, and so is None of `replicas`.
        ssl: True with `tls`: on, with this pair. False: off. None: as it is.
    """

    model_id: str | None
    replicas: Replicas | None
    ssl: bool | None
    tls: TlsMaterial | None
    keys: GivenKeys

    def to_json(self) -> str:
        """The change as it waits in the queue. It holds secrets."""
        return json.dumps(
            {
                "model_id": self.model_id,
                "replicas": self.replicas.least if self.replicas else None,
                "most_replicas": self.replicas.most if self.replicas else None,
                "ssl": self.ssl,
                "certificate": self.tls.certificate_pem.decode() if self.tls else None,
                "private_key": self.tls.key_pem.decode() if self.tls else None,
                "primary": self.keys.primary,
                "secondary": self.keys.secondary,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Change:
        """The change that `to_json` wrote."""
        kept = json.loads(text)
        tls = _tls(kept["certificate"], kept["private_key"])
        keys = GivenKeys(kept["primary"], kept["secondary"])
        number = kept["replicas"]
        # one of before has no most
        asked = None if number is None else Replicas(number, kept.get("most_replicas"))
        return cls(kept["model_id"], asked, kept["ssl"], tls, keys)


@dataclass(frozen=True)
class Service:
    """A service as it is, in effect.

    Attributes:
        replicas: how many there are to be.
        most_replicas: how many there may be where their number follows the calls; None: `replicas` it is.
        state: of its last operation, as `operations` names them.
        error: why it does not answer, where it should.
        address, port: where it answers; None where it never did, or gave its address back.
        tls: None while SSL is off.
        created_on, modified_on: RFC 3339, UTC.
    """

    sequence: int
    id: str
    account_id: str
    name: str
    model_id: str
    replicas: int
    most_replicas: int | None
    state: str
    error: dict[str, Any] | None
    address: str | None
    port: int | None
    tls: TlsMaterial | None = field(repr=False)
    keys: AuthKeys = field(repr=False)
    created_on: str
    modified_on: str

    @property
    def asked(self) -> Replicas:
        """The number of replicas that was asked for last."""
        return Replicas(self.replicas, self.most_replicas)

    @property
    def fpgas(self) -> int:
        """How many of its account's FPGAs it holds: none where it has failed, and never served."""
        return 0 if self.state == FAILED and self.address is None else self.asked.fpgas

    def changed(self, change: Change) -> Service:
        """The service as a change would have it."""
        tls = self.tls if change.ssl is None else change.tls
        asked = change.replicas or self.asked
        return replace(
            self,
            model_id=change.model_id or self.model_id,
            replicas=asked.least,
            most_replicas=asked.most,
            tls=tls,
            keys=change.keys.over(self.keys),
        )

    def succeeded(self) -> Service:
        """The service once it answers."""
        return replace(self, state=SUCCEEDED, error=None)

    def failed(self, failure: Failure) -> Service:
        """The service that does not answer, and why."""
        return replace(self, state=FAILED, error=failure.document())

    def document(self, told: Callable[[Endpoint], Endpoint] = lambda own: own) -> dict[str, Any]:
        """The service as the API shows it: neither certificate nor keys.

        Args:
            told: gives the endpoint that callers are told for the one where it answers.
        """
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "computeType": COMPUTE_TYPE,
            "modelId": self.model_id,
            **self.asked.document(),
            "sslEnabled": self.tls is not None,
            "createdAt": self.created_on,
            "updatedAt": self.modified_on,
        }
        if self.address is not None and self.port is not None:
            place = told(Endpoint(self.address, self.port))
            shown |= {"ipAddress": place.address, "port": place.port}
        if self.error is not None:
            shown["error"] = self.error
        return shown


def parse(body: Mapping[str, Any], *, is_partial: bool = False) -> Change:
    """Reads what a create and an update have in common.

    Args:
        is_partial: whether compute type and model may be absent, too.

    Raises:
        CloudError: 400, naming the property.
    """
    if not is_partial or body.get("computeType") is not None:
        compute_type(text(body, "computeType"))
    has_model = not is_partial or body.get("modelId") is not None
    model_id = text(body, "modelId").lower() if has_model else None
    ssl = optional_flag(body, "sslEnabled")
    certificate, key = optional_text(body, "sslCertificate"), optional_text(body, "sslKey")
    tls = None
    if ssl:
        if certificate is None or key is None:
            missing = "sslCertificate" if certificate is None else "sslKey"
            raise invalid(missing, "is required when sslEnabled is true: SSL needs a certificate and its key")
        try:
            tls = read_material(certificate, key)
        except TlsError as error:
            raise CloudError(400, "InvalidSslCertificate", str(error)) from None
    elif ssl is None and (certificate or key):
        raise invalid("sslEnabled", "is required beside a certificate or a key: true to use them")
    return Change(model_id, replicas.parse(body), ssl, tls, parse_keys(body))


def refuse_taken(db: sqlite3.Connection, account_id: str, name: str) -> None:
    """Refuses the name of a service that there is, in whatever case and state.

    Raises:
        CloudError: 409 ServiceAlreadyExists.
    """
    for other in listing(db, account_id, name):
        raise CloudError(
            409,
            "ServiceAlreadyExists",
            f"There is a service '{other.name}' in this account already ({other.id}, {other.state}). "
            "Update or delete it, or choose another name.",
        )


def insert(db: sqlite3.Connection, account_id: str, name: str, change: Change) -> Service:
    """Writes a new service, with keys made where none are given."""
    keys, asked = change.keys.completed(), change.replicas or ONE
    time = now()
    service_id = str(uuid.uuid4())
    written = _sealed(db, service_id, change.tls, keys)
    row = db.execute(
        "INSERT INTO services (id, account_id, name, model_id, replicas, most_replicas, state, certificate,"
        " private_key, primary_key, secondary_key, created_on, modified_on)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            service_id,
            account_id,
            name,
            change.model_id,
            asked.least,
            asked.most,
            NOT_STARTED,
            change.tls.certificate_pem.decode() if change.tls else None,
            *written,
            time,
            time,
        ),
    ).fetchone()
    return _service(db, row)


def find(db: sqlite3.Connection, service_id: str) -> Service | None:
    """The service of that ID, of whatever account."""
    row = db.execute("SELECT * FROM services WHERE id = ?", (service_id.lower(),)).fetchone()
    return None if row is None else _service(db, row)


def get(db: sqlite3.Connection, account_id: str, service_id: str) -> Service | None:
    """The service of that ID in an account."""
    service = find(db, service_id)
    return service if service is not None and service.account_id == account_id else None


def require(db: sqlite3.Connection, account_id: str, service_id: str) -> Service:
    """The service of that ID in an account.

    Raises:
        CloudError: 404 ServiceNotFound.
    """
    service = get(db, account_id, service_id)
    if service is None:
        raise CloudError(404, "ServiceNotFound", f"There is no service '{service_id}' in this account.")
    return service


def listing(
    db: sqlite3.Connection, account_id: str | None, name: str | None = None, model_id: str | None = None
) -> list[Service]:
    """Services in the order of their creation: of an account or all, of one name, of one model."""
    rows = db.execute(
        "SELECT * FROM services WHERE (:account IS NULL OR account_id = :account)"
        " AND (:name IS NULL OR name = :name) AND (:model IS NULL OR model_id = :model) ORDER BY sequence",
        {"account": account_id, "name": name, "model": model_id},
    )
    return [_service(db, row) for row in rows]


def save(db: sqlite3.Connection, service: Service) -> None:
    """Writes a service that is there."""
    db.execute(
        "UPDATE services SET model_id = ?, replicas = ?, most_replicas = ?, state = ?, error = ?,"
        " address = ?, port = ?, certificate = ?, private_key = ?, primary_key = ?, secondary_key = ?,"
        " modified_on = ? WHERE id = ?",
        (
            service.model_id,
            service.replicas,
            service.most_replicas,
            service.state,
            json.dumps(service.error) if service.error else None,
            service.address,
            service.port,
            service.tls.certificate_pem.decode() if service.tls else None,
            *_sealed(db, service.id, service.tls, service.keys),
            now(),
            service.id,
        ),
    )


def accepted(db: sqlite3.Connection, service: Service) -> Service:
    """Writes down that an operation waits for the service: whoever looks from now on sees it unfinished."""
    waiting = replace(service, state=NOT_STARTED)
    save(db, waiting)
    return waiting


def set_keys(db: sqlite3.Connection, service: Service, keys: AuthKeys) -> None:
    """Writes a service's keys, and nothing else of it."""
    _, *written = _sealed(db, service.id, None, keys)
    db.execute(
        "UPDATE services SET primary_key = ?, secondary_key = ?, modified_on = ? WHERE id = ?",
        (*written, now(), service.id),
    )


def delete(db: sqlite3.Connection, service_id: str) -> None:
    """Deletes a service's row; what answers in its name is the caller's matter."""
    db.execute("DELETE FROM services WHERE id = ?", (service_id,))


def _sealed(
    db: sqlite3.Connection, service_id: str, tls: TlsMaterial | None, keys: AuthKeys
) -> tuple[str | None, str, str]:
    """The columns `private_key`, `primary_key` and `secondary_key` of a service."""
    vault = vault_of(db)
    return (
        vault.seal(_place(_PRIVATE_KEY, service_id), tls.key_pem.decode()) if tls else None,
        vault.seal(_place(_PRIMARY, service_id), keys.primary),
        vault.seal(_place(_SECONDARY, service_id), keys.secondary),
    )


def _place(column: str, service_id: str) -> Place:
    return Place("services", column, service_id)


def _service(db: sqlite3.Connection, row: sqlite3.Row) -> Service:
    vault, service_id = vault_of(db), row["id"]
    private_key, primary, secondary = (
        None if row[column] is None else vault.unseal(_place(column, service_id), row[column])
        for column in (_PRIVATE_KEY, _PRIMARY, _SECONDARY)
    )
    return Service(
        sequence=row["sequence"],
        id=row["id"],
        account_id=row["account_id"],
        name=row["name"],
        model_id=row["model_id"],
        replicas=row["replicas"],
        most_replicas=row["most_replicas"],
        state=row["state"],
        error=json.loads(row["error"]) if row["error"] else None,
        address=row["address"],
        port=row["port"],
        tls=_tls(row["certificate"], private_key),
        keys=AuthKeys(str(primary), str(secondary)),
        created_on=row["created_on"],
        modified_on=row["modified_on"],
    )


def _tls(certificate: str | None, key: str | None) -> TlsMaterial | None:
    return TlsMaterial(certificate.encode(), key.encode()) if certificate and key else None
