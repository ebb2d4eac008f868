"""Models: registered packages, their rows and their files."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from localcloud.arm.resources import now
from localcloud.datafolder.mark import IDENTITY
from localcloud.errors import CloudError
from localcloud.modelmanagement import operations, services
from localcloud.modelmanagement.fields import (
    compute_type,
    invalid,
    model_name,
    optional_flag,
    optional_text,
    text,
)

MIME_TYPE = "application/zip"
MAX_URL = 8192
"""Most characters of a package's address: several times what Azure's own have."""


@dataclass(frozen=True)
class Registration:
    """A request to register a model.

    Attributes:
        url: where the package is, with its signature: not for logs or messages.
        for_fpga: whether the request says that the model is for an FPGA: then it must run on one.
    """

    name: str
    url: str = field(repr=False)
    for_fpga: bool = False


@dataclass(frozen=True)
class Model:
    """A registered model. `url` is without the signature; times are RFC 3339, UTC."""

    sequence: int
    id: str
    account_id: str
    name: str
    version: int
    mime_type: str
    url: str
    created_on: str

    def document(self) -> dict[str, Any]:
        """The model as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "mimeType": self.mime_type,
            "unpack": False,
            "url": self.url,
            "createdAt": self.created_on,
        }


def parse(body: Mapping[str, Any]) -> Registration:
    """Reads `{name, mimeType, url, unpack}`, and `computeType`, which no client of 2018 sends.

    Raises:
        CloudError: 400 InvalidParameter.
    """
    name = model_name(body)
    if text(body, "mimeType").lower() != MIME_TYPE:
        raise invalid("mimeType", f"must be {MIME_TYPE}: a package is a zip file")
    if optional_flag(body, "unpack"):
        raise invalid("unpack", "must be false: a package for an FPGA stays a zip file")
    url = text(body, "url")
    if len(url) > MAX_URL:
        raise invalid("url", f"has {len(url)} characters, and takes at most {MAX_URL}")
    if not _is_address(url):
        raise invalid("url", "must be an https address, such as a blob's with a shared access signature")
    compute = optional_text(body, "computeType")
    if compute is not None:
        compute_type(compute)
    return Registration(name, url, for_fpga=compute is not None)


def _is_address(url: str) -> bool:
    # Libraries differ in what they take for the host where there is a backslash.
    if re.search(r"[\x00-\x1f\x7f\\]", url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        # What fetches the package may read an address otherwise, or not at all.
        called = urlsplit(requests.Request("GET", url).prepare().url or "").hostname
    except (ValueError, requests.RequestException):  # brackets or a port that are none
        return False
    same = called == host or not host.isascii()
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and same


def without_signature(url: str) -> str:
    """An address as it may be shown: no query, no user."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def new_id() -> str:
    """The ID of a model to be."""
    return str(uuid.uuid4())


def insert(db: sqlite3.Connection, account_id: str, model_id: str, registration: Registration) -> Model:
    """Writes a new model; of several with one name each has the next version."""
    row = db.execute(
        "INSERT INTO models (id, account_id, name, version, mime_type, url, created_on) VALUES (:id,"
        " :account, :name, (SELECT coalesce(max(version), 0) + 1 FROM models WHERE account_id = :account"
        " AND name = :name), :type, :url, :now) RETURNING *",
        {
            "id": model_id,
            "account": account_id,
            "name": registration.name,
            "type": MIME_TYPE,
            "url": without_signature(registration.url),
            "now": now(),
        },
    ).fetchone()
    return Model(**dict(row))


def get(db: sqlite3.Connection, account_id: str, model_id: str) -> Model | None:
    """The model of that ID in an account."""
    row = db.execute(
        "SELECT * FROM models WHERE id = ? AND account_id = ?", (model_id.lower(), account_id)
    ).fetchone()
    return None if row is None else Model(**dict(row))


def require(db: sqlite3.Connection, account_id: str, model_id: str) -> Model:
    """The model of that ID in an account.

    Raises:
        CloudError: 404 ModelNotFound.
    """
    model = get(db, account_id, model_id)
    if model is None:
        raise CloudError(404, "ModelNotFound", f"There is no model '{model_id}' in this account.")
    return model


def name_of(db: sqlite3.Connection, model_id: str) -> tuple[str, int]:
    """The name and version of the model of that ID; of one that is gone, its ID and 0."""
    row = db.execute("SELECT name, version FROM models WHERE id = ?", (model_id,)).fetchone()
    return (row["name"], row["version"]) if row else (model_id, 0)


def listing(db: sqlite3.Connection, account_id: str | None, name: str | None = None) -> list[Model]:
    """Models in the order of their registration: of an account or all, of one name."""
    rows = db.execute(
        "SELECT * FROM models WHERE (:account IS NULL OR account_id = :account)"
        " AND (:name IS NULL OR name = :name) ORDER BY sequence",
        {"account": account_id, "name": name},
    )
    return [Model(**dict(row)) for row in rows]


def delete(db: sqlite3.Connection, model: Model) -> None:
    """Deletes a model that no service has.

    Raises:
        CloudError: 409 ModelInUse, naming the services.
    """
    names = [row["name"] for row in db.execute("SELECT name FROM services WHERE model_id = ?", (model.id,))]
    names += [
        service.name
        for one in operations.changes(db)
        if json.loads(one.change or "{}").get("model_id") == model.id
        and (service := services.find(db, one.service_id)) is not None
    ]
    if names:
        raise CloudError(
            409,
            "ModelInUse",
            f"The model '{model.name}' ({model.id}) serves {', '.join(sorted(set(names)))}: delete these "
            "services, or give them another model, first.",
        )
    db.execute("DELETE FROM models WHERE id = ?", (model.id,))


class Packages:
    """The models' files: one a model, readable by their owner alone.

    Args:
        folder: where they are; made where there is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, model_id: str) -> Path:
        """The path of a model's package."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f"{model_id}.zip"

    def delete(self, model_id: str) -> None:
        """Removes a model's package, where there is one."""
        self.path(model_id).unlink(missing_ok=True)

    def others(self, model_ids: set[str]) -> list[Path]:
        """What a crash, or somebody else, left here: whatever is no package of these models, and no mark."""
        if not self._folder.is_dir():
            return []
        ours = {IDENTITY, *(f"{model_id}.zip" for model_id in model_ids)}
        return [file for file in self._folder.iterdir() if file.name not in ours]
