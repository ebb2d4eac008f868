"""The shell that called: its variables, locale and limits, before the command put its own in order."""

from __future__ import annotations

import codecs
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fpga.doctor.finding import Finding, error, fine, or_fine, warning
from surroundings import proxies as proxy_rules

NAMING_FILES: Final = (
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
)
"""The variables that name a file: roots in PEM, but for the passphrase."""
_FILES: Final = "files that variables name"
_PROXIES: Final = "proxies"
_ACTIVATION: Final = "activation"
_LOCALE: Final = "locale"
_UMASK: Final = "umask"
_HOME: Final = "home folder"
_OPEN_FILES: Final = "open files"
_FEW_FILES: Final = 256
_OWNERS_RIGHTS: Final = 0o700


@dataclass(frozen=True)
class NamedFile:
    """A file that a variable names.

    Attributes:
        trouble: why it cannot be used; empty: nothing is wrong.
    """

    variable: str
    path: str
    trouble: str = ""


@dataclass(frozen=True)
class Activation:
    """What the shell is activated for.

    Attributes:
        environ: the variables of the shell.
        local: the folder of all that is made in the checkout.
        stacks: the stacks that the checkout has files of.
    """

    environ: Mapping[str, str]
    local: Path
    stacks: Sequence[str]


def named_files(files: Sequence[NamedFile]) -> list[Finding]:
    """Whether each file that a variable names can be used."""
    problems = [
        error(
            _FILES,
            f"{one.variable} names {one.path or 'nothing'}, which {one.trouble}",
            f"`unset {one.variable}`, or have it name a file that is there; `. .local/activate` sets what "
            "is needed",
        )
        for one in files
        if one.trouble
    ]
    return or_fine(problems, _FILES, ", ".join(one.variable for one in files) or "none is set")


def proxies(environ: Mapping[str, str]) -> list[Finding]:
    """Whether calls to this machine's own servers would go through a proxy, from programs of one's own."""
    wanted = proxy_rules.exceptions(environ)
    caught = [name for name, value in wanted.items() if environ.get(name, "") != value]
    if not proxy_rules.are_named(environ):
        return [fine(_PROXIES, "none is named")]
    if not caught:
        return [fine(_PROXIES, "one is named, and loopback is called without it")]
    named = [name for lower in proxy_rules.NAMING for name in (lower, lower.upper()) if environ.get(name)]
    return [
        warning(
            _PROXIES,
            f"{', '.join(named)} catches calls to loopback, but for those of fpga and pulumi themselves",
            "`. .local/activate`, or " + " ".join(f"{name}={shlex.quote(wanted[name])}" for name in caught),
        )
    ]


def activation(facts: Activation) -> list[Finding]:
    """Whether the shell is activated for this checkout, and for a stack that is there."""
    problems = []
    home = facts.environ.get("PULUMI_HOME")
    here = facts.local / "pulumi-home"
    if home and Path(home) != here:
        told = f"plain pulumi is not this checkout's: PULUMI_HOME is {home}"
        problems.append(warning(_ACTIVATION, told, f"`. {shlex.quote(str(facts.local / 'activate'))}`"))
    for variable in ("FPGA_STACK", "PULUMI_STACK"):
        stack = facts.environ.get(variable, "").rpartition("/")[2]
        if stack and stack not in facts.stacks:
            known = ", ".join(facts.stacks) or "none"
            told = f"{variable} names the stack {stack}, of which there is no file (there are: {known})"
            remedy = f"`unset {variable}`, or `fpga stack new {stack}`"
            problems.append(error(_ACTIVATION, told, remedy))
    return or_fine(problems, _ACTIVATION, "of this checkout" if home else "plain pulumi is not activated")


def locale(environ: Mapping[str, str]) -> list[Finding]:
    """Whether programs of this shell read and write text in UTF-8, as those of the project do."""
    variable, named = next(
        ((name, environ[name]) for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), ("", "")
    )
    if named.partition("@")[0] in ("", "C", "POSIX"):
        return [fine(_LOCALE, f"{named or 'none is set'}: the project's own programs use UTF-8 all the same")]
    encoding = named.partition("@")[0].partition(".")[2] or "ISO-8859-1"
    if _is_utf8(encoding):
        return [fine(_LOCALE, named)]
    told = f"{variable}={named}: other programs take names and labels in UTF-8 for {encoding}"
    return [warning(_LOCALE, told, f"`export {variable}=C.UTF-8`")]


def umask(mask: int) -> list[Finding]:
    """Whether who makes a file may use it."""
    if mask & _OWNERS_RIGHTS:
        told = f"{mask:04o} takes rights from who makes a file: git, make and pulumi cannot use their own"
        return [error(_UMASK, told, "`umask 022`")]
    return [fine(_UMASK, f"{mask:04o}; what fpga makes is its owner's alone")]


def home(environ: Mapping[str, str], trouble: str) -> list[Finding]:
    """Whether there is a home folder, where what is made once for all checkouts goes.

    Args:
        trouble: why the folder cannot be used that HOME, or the system, names; empty: nothing is wrong.
    """
    if trouble:
        told = f"HOME is {environ.get('HOME') or 'empty'}: {trouble}"
        return [error(_HOME, told, "set HOME to a folder of yours, or FPGA_CACHE for what is made once")]
    return [fine(_HOME, environ.get("HOME") or "as the system knows it")]


def open_files(hard: int | None) -> list[Finding]:
    """Whether localcloud may open files and connections enough.

    Args:
        hard: the most that a process of this user may have; None: there is no limit.
    """
    if hard is not None and hard < _FEW_FILES:
        told = f"{hard} at most: localcloud serves {hard // 8} services, and few callers at once"
        return [warning(_OPEN_FILES, told, "`ulimit -Hn 4096` as root, or LimitNOFILE= of a unit")]
    return [fine(_OPEN_FILES, "any number" if hard is None else f"up to {hard}")]


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False
