"""A systemd unit that runs a localcloud (systemd.service(5), systemd.exec(5)), as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/etc/systemd/system")
STATE: Final = Path("/var/lib")
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HOMES: Final = ("/home", "/root", "/run/user")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/.,:=@+-]+")
_HEAD: Final = "# Made by `fpga cloud install`. Changes of your own: `systemctl edit {name}`.\n# {digest}\n"
_HEADER: Final = re.compile(r"# Made by `fpga cloud install`\.[^\n]*\n# ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Credential:
    """A file that systemd reads as root and hands over to a unit (systemd.exec(5), "Credentials").

    Attributes:
        name: as the unit finds it in `/run/credentials/UNIT.service`.
        is_encrypted: whether systemd is to decrypt it first (systemd-creds(1)).
    """

    name: str
    file: Path
    is_encrypted: bool

    def line(self) -> str:
        """The line of the unit."""
        how = "LoadCredentialEncrypted" if self.is_encrypted else "LoadCredential"
        return f"{how}={self.name}:{_value(str(self.file))}\n"


class NotOurs(ValueError):
    """The refusal of a unit that `fpga cloud install` has not made, or not as it stands."""


@dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        name: without `.service`.
        user, group: whom it runs as.
        command: the program, by its path, and its arguments.
        data: its data folder; systemd makes it where it is in `/var/lib`.
        code: folders that it runs from.
        encryption_key: the key of its secrets.
        binds_low_ports: whether it needs the right to bind ports under 1024.
        stop_timeout_s: when systemd kills it, in seconds after it was told to end.
    """

    name: str
    user: str
    group: str
    command: Sequence[str]
    data: Path
    code: Sequence[Path]
    encryption_key: Credential | None
    binds_low_ports: bool
    stop_timeout_s: int

    @property
    def file(self) -> Path:
        """Its file."""
        return FOLDER / f"{self.name}.service"

    def text(self) -> str:
        """The content of its file."""
        body = _BODY.format(
            user=self.user,
            group=self.group,
            command=" ".join(_argument(one) for one in self.command),
            stop_timeout=self.stop_timeout_s,
            folder=self._folder(),
            runtime=_value(self.name),
            credential="" if self.encryption_key is None else self.encryption_key.line(),
            capabilities="CAP_NET_BIND_SERVICE" if self.binds_low_ports else "",
            homes="read-only" if any(map(_is_home, (*self.code, self.data))) else "yes",
            log=self.name,
        )
        return marked(self.name, body)

    def _folder(self) -> str:
        if is_state(self.data):
            return f"StateDirectory={_value(self.data.name)}\nStateDirectoryMode=0700"
        return f"ReadWritePaths={_value(str(self.data))}"


def is_state(data: Path) -> bool:
    """Whether systemd makes the folder, and gives it to the unit's user."""
    return data.parent == STATE


def marked(name: str, body: str) -> str:
    """A file of a unit of that name, as `require_ours` knows it again."""
    return _HEAD.format(name=name, digest=_digest(body)) + body


def require_ours(text: str) -> None:
    """Refuses a unit that was not made here, or that somebody has changed since.

    Raises:
        NotOurs: it is such a unit; the reason, as it follows the file's name.
    """
    header = _HEADER.match(text)
    if header is None:
        raise NotOurs("was not made by `fpga cloud install`")
    if header[1] != _digest(text[header.end() :]):
        raise NotOurs("was made by `fpga cloud install`, and changed since")


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _is_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in _HOMES)


def _argument(text: str) -> str:
    """A word of a command line, in which `$` stands for a variable."""
    return _value(text.replace("$", "$$"))


def _value(text: str) -> str:
    """A word, in which `%` begins a specifier and a backslash an escape (systemd.syntax(7))."""
    text = text.replace("%", "%%")
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


_BODY: Final = """\
[Unit]
Description=localcloud: Model Management, DNS, blobs and scoring
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=20

[Service]
Type=notify
User={user}
Group={group}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=3
TimeoutStartSec=300
TimeoutStopSec={stop_timeout}
# The first signal is for localcloud alone, which ends its children behind their calls; then all go.
KillMode=mixed
# Told to end twice.
SuccessExitStatus=130 143
WatchdogSec=120
# Another signal would look like a crash of the model that is being loaded.
WatchdogSignal=SIGKILL

{folder}
# In memory: the client's secret, where secrets are encrypted.
RuntimeDirectory={runtime}
RuntimeDirectoryMode=0700
{credential}UMask=0077
StandardOutput=journal
StandardError=journal
SyslogIdentifier={log}

LimitNOFILE=65536
# No core, and none to a program that it is piped to: fewer bytes than any has.
LimitCORE=1
TasksMax=2048
MemoryMax=80%
# A package that is tried may end of it alone.
OOMPolicy=continue

AmbientCapabilities={capabilities}
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={homes}
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: Node.js compiles what it runs.

[Install]
WantedBy=multi-user.target
"""
