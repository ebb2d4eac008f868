"""An endpoint that a person names on the command line, without a stack or a checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fpga.errors import CommandError

if TYPE_CHECKING:
    from clients.prediction.client import PredictionClient

_PORT: Final = 50051
# The schemes of a stack's output `url`, of now and of before: with TLS or without.
_USES_TLS: Final = {"grpcs": True, "https": True, "grpc": False, "http": False}
_FORM: Final = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True)
class NamedEndpoint:
    """A service by its name or address.

    Attributes:
        use_ssl: whether it speaks TLS, as it does unless a scheme says otherwise.
        roots: PEM of the roots to trust; None: those that gRPC trusts.
    """

    host: str
    port: int
    use_ssl: bool
    key: str | None = field(repr=False)
    roots: Path | None

    @classmethod
    def read(cls, written: str, key_file: Path | None, roots: Path | None) -> NamedEndpoint:
        """Reads `[SCHEME://]HOST[:PORT]` and the files.

        Raises:
            CommandError: the endpoint is of another form, the key cannot be read, or would go without TLS.
        """
        form = _FORM.fullmatch(written)
        scheme = form["scheme"] if form else None
        if form is None or scheme not in (None, *_USES_TLS) or not 1 <= int(form["port"] or _PORT) <= 65535:
            raise CommandError(
                f"--endpoint: '{written}' is not HOST or HOST:PORT, with grpcs:// or, for a service without "
                "SSL, grpc:// in front."
            )
        use_ssl = _USES_TLS[scheme] if scheme else True
        if not use_ssl and (key_file or roots):
            raise CommandError(
                f"--endpoint: {scheme}:// is a service without SSL, which takes no --key-file and no --roots."
            )
        key = _read_key(key_file) if key_file else None
        return cls(form["host"].strip("[]"), int(form["port"] or _PORT), use_ssl, key, roots)

    def client(self, name_server: str | None, timeout_s: float) -> PredictionClient:
        """A client that calls it."""
        from clients.prediction.client import PredictionClient

        try:
            return PredictionClient(
                self.host,
                self.port,
                use_ssl=self.use_ssl,
                access_token=self.key,
                root_certificates=self.roots,
                name_servers=[name_server] if name_server else [],
                timeout_s=timeout_s,
            )
        except ValueError as error:
            raise CommandError(str(error)) from None


def _read_key(file: Path) -> str:
    try:
        key = file.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise CommandError(f"--key-file: {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"--key-file: {file} is no text: it must hold the key alone.") from None
    if not key or "\n" in key:
        raise CommandError(f"--key-file: {file} must hold one line, the primary or the secondary key.")
    return key
