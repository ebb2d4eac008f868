"""What callers of a service need to know: its name, where it is, its root and its model. No key is in it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fpga.predict.endpoint import KeyName

PREFIX: Final = "FPGA_SERVICE_"
KEY_VARIABLE: Final = f"{PREFIX}KEY"


@dataclass(frozen=True)
class CallInfo:
    """A service as its callers see it.

    Attributes:
        stack: whose account it is in.
        service: its name in the account.
        host: the name to call it by, which its certificate bears; its address where SSL is off and it has no
            name.
        address: IP address, for callers whose resolver does not know the name.
        port: of gRPC.
        http_port: of HTTP; None: nowhere, or nobody tells.
        tls: whether it speaks TLS, and wants a key.
        roots: PEM file of the root to trust; None: the system knows it, or nobody tells.
        model: the name of its model; None: nobody tells.
        key: the key that `key_command` prints.
        is_own: whether it is a service of the stack itself.
        name: its logical name in the stack; empty: it has none.
        note: what a person should know of it all the same.
    """

    stack: str
    service: str
    host: str
    address: str
    port: int
    http_port: int | None
    tls: bool
    roots: Path | None
    model: str | None
    key: KeyName = "primary"
    is_own: bool = True
    name: str = ""
    note: str | None = None

    @property
    def key_command(self) -> str | None:
        """The command line that prints the key, and nothing else; None where none is asked for."""
        if not self.tls:
            return None
        words = ["fpga", "call-info", "--stack", self.stack]
        if named := self.name if self.is_own else self.service:
            words += ["--service", named]
        if self.key != "primary":
            words += ["--key", self.key]
        return shlex.join([*words, "--format", "key"])

    @property
    def variables(self) -> dict[str, str | None]:
        """The variables of the samples, but for the key: name -> value; None: it is not to be set."""
        told = {
            "NAME": self.service,
            "HOST": self.host,
            "ADDRESS": self.address,
            "PORT": str(self.port),
            "HTTP_PORT": None if self.http_port is None else str(self.http_port),
            "ROOTS": None if self.roots is None else str(self.roots),
            "MODEL": self.model,
        }
        return {f"{PREFIX}{name}": value for name, value in told.items()}

    def exports(self) -> str:
        """The variables as a POSIX shell sets them; the key by its command, which is run then."""
        lines = [f"# {self.note}"] if self.note else []
        for name, value in self.variables.items():
            lines.append(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
        if command := self.key_command:  # on a line of its own: `export` would hide that it failed
            lines += [f'{KEY_VARIABLE}="$({command})"', f"export {KEY_VARIABLE}"]
        else:
            lines.append(f"unset {KEY_VARIABLE}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "stack": self.stack,
            "service": self.service,
            "name": self.name or None,
            "host": self.host,
            "address": self.address,
            "port": self.port,
            "http_port": self.http_port,
            "tls": self.tls,
            "roots_file": None if self.roots is None else str(self.roots),
            "model": self.model,
            "variables": self.variables,
            "key_variable": KEY_VARIABLE if self.tls else None,
            "key_command": self.key_command,
            "note": self.note,
        }
