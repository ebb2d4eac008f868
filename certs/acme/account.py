"""An account at an authority (RFC 8555, 7.3): registered once, changed, deactivated at the end."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from acme import messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError

from certs.acme import problems
from certs.acme.session import Session
from certs.errors import AcmeError
from certs.keys import encode_private

_GONE = ("accountDoesNotExist", "unauthorized")


@dataclass(frozen=True)
class ExternalAccountBinding:
    """The tie between the account and one that a customer of the authority has (RFC 8555, 7.3.4).

    Attributes:
        hmac_key: in base64url, as authorities hand it out. A secret.
    """

    key_id: str
    hmac_key: str = field(repr=False)


def new_account_key() -> ec.EllipticCurvePrivateKey:
    """A key for a new account (P-256, signs as ES256)."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as it is kept. A secret."""
    return encode_private(key)


def register(session: Session, email: str | None, binding: ExternalAccountBinding | None) -> str:
    """Registers the session's key, agreeing to the terms of service, and signs in.

    Returns:
        The account's URL. A key that is registered already keeps its account.

    Raises:
        certs.errors.AcmeError: the authority refuses, or does not answer.
    """
    if session.meta("external_account_required") and binding is None:
        raise problems.unfit(
            session.subject,
            "registers accounts with an external account binding only.",
            "Give the key id and the HMAC key that the authority has handed out.",
        )
    fields = messages.NewRegistration.from_data(
        email=email or None,
        terms_of_service_agreed=True,
        external_account_binding=_bound(session, binding) if binding else None,
    )
    answer = session.post("registering an account", session.directory["newAccount"], fields)
    account = answer.headers.get("Location")
    if not account:
        raise problems.unfit(session.subject, "registered an account without saying which (no Location).")
    session.sign_in(account)
    return account


def set_contact(session: Session, account: str, email: str | None) -> None:
    """Changes whom the authority writes to.

    Raises:
        certs.errors.AcmeError: the authority refuses, or does not answer.
    """
    contact = [f"mailto:{email}"] if email else []
    session.post("changing the account's contact", account, {"contact": contact})


def deactivate(session: Session, account: str) -> None:
    """Ends the account for ever; one that is gone is ended already.

    Raises:
        certs.errors.AcmeError: the authority refuses, or does not answer.
    """
    try:
        session.post("deactivating the account", account, {"status": "deactivated"})
    except AcmeError as refused:
        if refused.problem_type.rpartition(":")[2] not in _GONE:
            raise


def _bound(session: Session, binding: ExternalAccountBinding) -> dict[str, object]:
    try:
        return messages.ExternalAccountBinding.from_data(
            session.jwk.public_key(), binding.key_id, binding.hmac_key.rstrip("="), session.directory
        )
    except (ValueError, binascii.Error, JoseError):
        raise problems.unfit(
            "HMAC key of the external account binding", "is not base64url.", "Copy it again."
        ) from None
