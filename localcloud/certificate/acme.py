"""The source `acme`: certificates of an authority, ordered and renewed on a thread of their own.

The name is proved by DNS-01 (RFC 8555, 8.4) through localcloud's own name server. Until the first certificate
comes, that of the own CA is shown; one that cannot be renewed goes on to be.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs import renewal
from certs.acme import account as accounts
from certs.acme import order as orders
from certs.acme import renewal_info
from certs.acme.pace import Pace
from certs.acme.session import Session, load_key, system_roots
from certs.bundle import read, to_pem
from certs.errors import AcmeError, CertificateError
from certs.findings import Origin
from certs.keys import encode_private
from certs.sources.files import read_roots_file
from localcloud.certificate import acme_state, judgement, rules
from localcloud.certificate.acme_state import Account, Issued, Order, State, Tries
from localcloud.certificate.pair import Pair
from localcloud.certificate.permission import CaaRecords
from localcloud.certificate.source import Source
from localcloud.datafolder.vault import IN_CLEAR, Vault
from localcloud.errors import StartError
from localcloud.settings import CA_CERTIFICATE, Settings
from surroundings.https import retry_after_s

LOOK_S = 60.0
"""The longest time until the clock is looked at again."""
ADVICE_AFTER: Final = timedelta(hours=6)
"""So often the authority is asked when it would like a renewal."""
FIRST_BACK_OFF_S = 60.0
LONGEST_BACK_OFF_S = 3600.0
_LONGEST_ASKED_S = 86400.0
_END_S = 3.0

log = logging.getLogger(__name__)


class _Ending(Exception):
    """The end of the process, which no order waits for."""


class AcmeSource:
    """Certificates that an authority issues for the name of the server.

    Args:
        settings: name the authority.
        own: the certificate until there is another one.
        challenges: where proofs are published.
        name_server: host and port where this machine finds its own name server.
        vault: of the data folder's secrets.

    Raises:
        StartError: what is kept of before is damaged, or the file of roots cannot be used.
    """

    interval_s = 1.0

    def __init__(
        self,
        settings: Settings,
        own: Source,
        challenges: orders.Dns01,
        name_server: tuple[str, int],
        vault: Vault = IN_CLEAR,
    ) -> None:
        self._settings, self._own, self._challenges, self._vault = settings, own, challenges, vault
        self._directory, self._names = str(settings.acme_directory), rules.names(settings)
        self._roots: tuple[x509.Certificate, ...] | None = None
        if settings.acme_roots_file is not None:
            try:
                self._roots = judgement.roots_in(read_roots_file(settings.acme_roots_file))
            except CertificateError as why:
                raise StartError(f"{settings.named('acme_roots_file')}: {judgement.words(why)}") from None
        self._binding = _binding(settings)
        self._permission = CaaRecords(name_server, settings.acme_resolvers, settings.named("acme_directory"))
        self._state = acme_state.read(settings.data, vault)
        self._stopping = threading.Event()
        self._advised_at: datetime | None = None
        self._read: tuple[Issued, Pair] | None = None

    @property
    def trouble(self) -> str:
        """Why the last try failed, and when the next one is; empty: it did not."""
        tries = self._state.tries
        if tries.what != self._what or not tries.trouble:
            return ""
        return f"{tries.trouble} The next try is at {tries.next_at or datetime.now(UTC):%Y-%m-%d %H:%M} UTC."

    def current(self) -> Pair:
        """As `Source.current`: what the authority issued for these names, else that of the own CA."""
        issued = self._state.issued
        if issued is None or not set(self._names) <= set(issued.names):
            return self._of_own_ca()
        if self._read is None or self._read[0] != issued:
            reading = read(issued.chain, issued.key, certificate_origin=self._origin)
            try:
                self._read = issued, judgement.as_it_is(reading, self._roots)
            except CertificateError as why:
                raise acme_state.damaged(self._settings.data, judgement.words(why)) from None
        return self._read[1]

    @contextlib.contextmanager
    def kept_up(self) -> Iterator[None]:
        """Orders and renews inside the block."""
        worker = threading.Thread(target=self._keep, name="acme", daemon=True)
        worker.start()
        try:
            yield
        finally:
            self._stopping.set()
            worker.join(_END_S)  # what waits for an answer keeps nobody, and writes nothing any more

    @property
    def _what(self) -> tuple[str, ...]:
        return (self._directory, *self._names)

    @property
    def _origin(self) -> Origin:
        return Origin(f"certificate that {self._directory} issued", "chain.pem")

    def _of_own_ca(self) -> Pair:
        """That of the own CA, with the roots of both: who takes them now is ready for what comes."""
        found = self._own.current()
        roots = (self._settings.data / CA_CERTIFICATE).read_bytes() + to_pem(self._roots or ()).encode()
        note = "the certificate of localcloud's own CA is shown until the authority has issued one"
        return replace(found, roots=roots, notes=(note,))

    def _keep(self) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            try:
                pause_s = self._turn()
            except _Ending:
                return
            except Exception as error:
                log.exception("The server's certificate: a try has failed")
                pause_s = self._failed(f"{type(error).__name__}: {error}.", None)

    def _turn(self) -> float:
        """Orders a certificate if one is due: seconds until the next look."""
        now = datetime.now(UTC)
        self._take_advice(now)
        wait_s = (self._due(now) - now).total_seconds()
        if wait_s > 0:
            return min(wait_s, LOOK_S)
        with self._session() as session:
            try:
                self._obtain(session)
            except (CertificateError, OSError) as why:
                told = judgement.words(why) if isinstance(why, CertificateError) else f"{why}."
                if isinstance(why, AcmeError) and why.problem_type.endswith(":accountDoesNotExist"):
                    self._forget_account()
                return self._failed(told, session.retry_after)
        return 0.0

    def _due(self, now: datetime) -> datetime:
        """The time at which the next certificate is to be ordered."""
        issued, tries = self._state.issued, self._state.tries
        at = now
        if issued is not None and (issued.directory, *issued.names) == self._what:
            leaf = x509.load_pem_x509_certificate(issued.chain.encode())
            at = renewal.due(leaf.not_valid_before_utc, leaf.not_valid_after_utc, issued.renew_at).at
        if tries.what != self._what or tries.next_at is None:
            return at
        # of a clock that was ahead
        latest = now + timedelta(seconds=_LONGEST_ASKED_S)
        return max(at, min(tries.next_at, latest))

    def _failed(self, trouble: str, asked: str | None) -> float:
        """Notes a try that failed: seconds until the next look."""
        tries = self._state.tries
        count = tries.count + 1 if tries.what == self._what else 1
        pause_s = min(FIRST_BACK_OFF_S * 4.0 ** min(count - 1, 9), LONGEST_BACK_OFF_S)
        pause_s = max(pause_s, min(retry_after_s({"Retry-After": asked or ""}) or 0.0, _LONGEST_ASKED_S))
        next_at = datetime.now(UTC) + timedelta(seconds=pause_s)
        state = replace(self._state, tries=Tries(self._what, count, trouble, next_at))
        try:
            self._write(state)
        except OSError:
            self._state = state
        return min(pause_s, LOOK_S)

    def _obtain(self, session: Session) -> None:
        self._sign_in(session)
        order = self._state.order
        if order is not None and (order.directory, *order.names) == self._what:
            try:
                return self._finish(session, order)
            except AcmeError as why:
                if not why.problem_type:  # it did not answer, or not in time: the order may stand
                    raise
                log.info("The order of before is given up: %s", judgement.words(why))
                self._write(replace(self._state, order=None))
        issued, follows = self._state.issued, None
        if issued is not None and (issued.directory, *issued.names) == self._what:
            follows = renewal_info.certificate_id(x509.load_pem_x509_certificate(issued.chain.encode()))
        identities = [str(one) for one in session.meta("caa_identities") or ()]
        for name in self._names if identities else ():
            self._permission.require(name, identities)
        key = encode_private(ec.generate_private_key(ec.SECP256R1()))
        url = orders.place(session, self._names, self._settings.acme_profile, follows)
        placed = Order(self._directory, self._names, url, key)
        self._write(replace(self._state, order=placed))
        return self._finish(session, placed)

    def _finish(self, session: Session, order: Order) -> None:
        try:
            orders.prove(session, order.url, self._challenges)
            chain = orders.finalize(session, order.url, order.key, order.names)
            reading = read(chain, order.key, certificate_origin=self._origin)
            pair = judgement.require(reading, self._names, datetime.now(UTC), self._roots)
        except AcmeError as why:
            if why.problem_type and order == self._state.order:
                self._write(replace(self._state, order=None))
            raise
        except CertificateError:
            self._write(replace(self._state, order=None))
            raise
        issued = Issued(self._directory, self._names, pair.chain.decode(), pair.key.decode())
        window = renewal_info.suggested_window(session, pair.leaf)
        if window is not None:
            issued = replace(issued, renew_at=window.choose(None))
        self._write(replace(self._state, issued=issued, order=None, tries=Tries()))
        self._advised_at = datetime.now(UTC)
        log.info("%s has issued the server's certificate", self._directory)

    def _take_advice(self, now: datetime) -> None:
        """Asks when the authority would like a renewal (RFC 9773), now and then."""
        issued = self._state.issued
        if issued is None or (issued.directory, *issued.names) != self._what:
            return
        if self._advised_at is not None and abs(now - self._advised_at) < ADVICE_AFTER:
            return
        self._advised_at = now
        with self._session() as session:
            leaf = x509.load_pem_x509_certificate(issued.chain.encode())
            window = renewal_info.suggested_window(session, leaf)
        if window is not None and (chosen := window.choose(issued.renew_at)) != issued.renew_at:
            self._write(replace(self._state, issued=replace(issued, renew_at=chosen)))

    def _sign_in(self, session: Session) -> None:
        """Signs in to the account, which is registered where there is none."""
        account, contact = self._account(), self._settings.acme_contact or ""
        if account.url is None:
            url = accounts.register(session, contact or None, self._binding)
            self._keep_account(replace(account, url=url, contact=contact))
            return
        if account.contact != contact:
            accounts.set_contact(session, account.url, contact or None)
            self._keep_account(replace(account, contact=contact))

    def _account(self) -> Account:
        """The account at this authority; its key is kept before the authority sees it."""
        if self._directory not in self._state.accounts:
            self._keep_account(Account(accounts.key_pem(accounts.new_account_key())))
        return self._state.accounts[self._directory]

    def _keep_account(self, account: Account) -> None:
        self._write(replace(self._state, accounts=self._state.accounts | {self._directory: account}))

    def _forget_account(self) -> None:
        """Lets go of an account that the authority does not know."""
        left = {url: one for url, one in self._state.accounts.items() if url != self._directory}
        with contextlib.suppress(OSError):
            self._write(replace(self._state, accounts=left, order=None))

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        account, roots = self._account(), self._settings.acme_roots_file
        session = Session(
            self._directory,
            load_key(account.key),
            verify=system_roots() if roots is None else str(roots),
            account=account.url,
            pace=Pace(sleep=self._sleep),
            roots_setting=self._settings.named("acme_roots_file"),
        )
        try:
            yield session
        finally:
            session.close()

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Ending

    def _write(self, state: State) -> None:
        if self._stopping.is_set():  # another process may have the folder by now
            raise _Ending
        acme_state.write(self._settings.data, state, self._vault)
        self._state = state


def _binding(settings: Settings) -> accounts.ExternalAccountBinding | None:
    """The tie to an account of a customer's that the settings name; the key stays in its file.

    Raises:
        StartError: the file cannot be read.
    """
    path = settings.acme_eab_hmac_key_file
    if path is None or settings.acme_eab_key_id is None:
        return None
    try:
        key = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StartError(
            f"{settings.written('acme_eab_hmac_key_file')} cannot be read ({reason}): name the file of the "
            "key that the authority has handed out, in base64url."
        ) from None
    return accounts.ExternalAccountBinding(settings.acme_eab_key_id, key)
