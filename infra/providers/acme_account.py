"""An account at a certification authority that speaks ACME: registered once, never due.

A resource of its own, so that each renewal is the same customer's. Its key stays in the state, a secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, UpdateResult

from infra import catalogue
from infra.providers import ahead, engine_log
from infra.providers.base import Props, Provider, changed, properties, with_secrets
from infra.settings.acme import DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from certs.acme.session import Session

# a binding is used up by one account
_REPLACES = ("directory", "eab_key_id")
_UPDATES = ("email", "roots", "eab_hmac_key")
_LET_GO = (
    "If the authority is gone for good, `pulumi state delete URN` takes its account out of the state "
    "(`pulumi stack --show-urns` shows the URN)."
)


class AcmeAccountProvider(Provider):
    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        replaces = changed(_REPLACES, olds, news)
        return DiffResult(changes=bool(replaces or changed(_UPDATES, olds, news)), replaces=replaces)

    def create(self, props: Props) -> CreateResult:
        ahead.require("proof")  # all of it: the library imports what the stages do
        from certs.acme.account import ExternalAccountBinding, key_pem, new_account_key, register

        key = key_pem(new_account_key())
        binding = (
            ExternalAccountBinding(props["eab_key_id"], props["eab_hmac_key"])
            if props["eab_key_id"]
            else None
        )
        with session({**props, "key": key}) as acme:
            account = register(acme, props["email"], binding)
        return CreateResult(account, {**props, "key": key, "url": account})

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        ahead.require("proof")
        from certs.acme.account import set_contact

        kept = {"key": olds["key"], "url": id_}
        if olds["email"] != news["email"]:
            with session({**news, **kept}, id_) as acme:
                set_contact(acme, id_, news["email"])
        return UpdateResult({**news, **kept})

    def delete(self, id_: str, props: Props) -> None:
        """Deactivates the account: its key is worth nothing afterwards.

        Raises:
            AcmeError: the authority does not answer, or refuses.
        """
        ahead.require("proof")
        from certs.acme.account import deactivate
        from certs.errors import AcmeError

        try:
            with session(props, id_) as acme:
                deactivate(acme, id_)
        except AcmeError as why:
            raise AcmeError(
                [replace(one, remedy=f"{one.remedy} {_LET_GO}".lstrip()) for one in why.findings],
                why.problem_type,
            ) from None


@contextmanager
def session(
    props: Props, account: str | None = None, *, patience_s: float | None = None
) -> Iterator[Session]:
    """Requests signed with the key of an account's properties.

    Args:
        account: its URL; None until it is registered.
        patience_s: how long all of them, and each, may take, in seconds; None: as the properties say.
    """
    from certs.acme.pace import Pace
    from certs.acme.session import TIMEOUT_S, Session, load_key, system_roots, trusted

    # a state from before it could be set has none
    deadline_s = float(props.get("timeout_s", DEFAULT_TIMEOUT_S)) if patience_s is None else patience_s
    pace = Pace(deadline_s, tell=engine_log.Waiting(), limit="fpga-web-service:acmeTimeout")
    with trusted(props["roots"]) as file:
        verify = system_roots() if file is True else file
        acme = Session(
            props["directory"],
            load_key(props["key"]),
            verify=verify,
            account=account,
            pace=pace,
            timeout_s=int(min(TIMEOUT_S, deadline_s)),
            roots_setting="fpga-web-service:acmeRootsFile",
        )
        try:
            yield acme
        finally:
            acme.close()


@dataclass(frozen=True)
class AcmeAccountArgs:
    """Inputs of an account.

    Attributes:
        directory: the authority's URL (RFC 8555, 7.1.1).
        email: whom the authority writes to; empty: nobody.
        eab_key_id, eab_hmac_key: the external account binding; both empty: none.
        roots: the roots of a private authority, PEM; empty: those of the system.
        timeout_s: how long registering, or any other change, may take.
    """

    directory: str
    email: str
    eab_key_id: str
    eab_hmac_key: pulumi.Input[str]
    roots: str
    timeout_s: int = DEFAULT_TIMEOUT_S


class AcmeAccount(Resource, module=catalogue.MODULE, name=catalogue.ACME_ACCOUNT.type_name):
    """An account: its URL, and its key (PEM), a secret."""

    url: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(self, name: str, args: AcmeAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = properties(catalogue.ACME_ACCOUNT, args, ("url", "key"))
        super().__init__(AcmeAccountProvider(), name, props, with_secrets(catalogue.ACME_ACCOUNT, opts))
