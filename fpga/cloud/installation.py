"""Installing a localcloud as a systemd unit: looked at first, then written; what comes next is told."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fpga.cloud import unit as units
from fpga.cloud.unit import Credential, NotOurs, Unit
from fpga.errors import CommandError
from fpga.files import write_whole
from fpga.project import Project

if TYPE_CHECKING:
    from localcloud.settings import Settings

BOOTED: Final = Path("/run/systemd/system")
"""Is there where systemd runs the machine (sd_booted(3))."""
_USERS: Final = Path("/etc/sysusers.d")
_NOBODY: Final = 65534
_TIMEOUT_S: Final = 60.0
_PLAIN_CHARACTERS: Final = 64
"""So many has a key in plain at most, in hexadecimal."""
# of the folder, then of all that is in it; an access that is refused is said, too
_LOOK: Final = 'cd / && exec find -H "$1" -name __pycache__ -prune -o ! -readable -print -quit 2>&1'
_SHARED_CACHE: Final = "/var/cache/fpga-web-service"


@dataclass(frozen=True)
class Account:
    """The user that a unit runs as.

    Attributes:
        name: its name; the group has the same where the user is still to be made.
        uid, gid: its numbers; those of nobody where it is still to be made.
        is_there: whether the system knows it.
    """

    name: str
    group: str
    uid: int
    gid: int
    is_there: bool


def account(name: str) -> Account:
    """The user of that name, or what it will be."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return Account(name, name, _NOBODY, _NOBODY, is_there=False)
    return Account(name, grp.getgrgid(found.pw_gid).gr_name, found.pw_uid, found.pw_gid, is_there=True)


def made(
    settings: Settings, name: str, user: Account, code: Sequence[Path], encryption_key: Credential | None
) -> Unit:
    """The unit that runs a localcloud with these settings."""
    from localcloud import command_line
    from localcloud.configuration import table
    from localcloud.datafolder import operator_key
    from localcloud.settings import END_S, Settings

    if encryption_key is not None:
        # on its command line other commands find it, too
        file = operator_key.credential(name)
        settings = replace(settings, encryption_key_file=file)
    values = [getattr(settings, field) for field in table.of(Settings) if field.endswith("_port")]
    return Unit(
        name=name,
        user=user.name,
        group=user.group,
        command=[sys.executable, "-m", "localcloud", *command_line.arguments(settings)],
        data=settings.data,
        code=code,
        encryption_key=encryption_key,
        binds_low_ports=any(0 < value < 1024 for value in values if isinstance(value, int)),
        stop_timeout_s=round(settings.drain_timeout + END_S) + 10,
    )


def credential(file: Path, settings: Settings) -> Credential:
    """The credential that hands over the key of a file, in plain or as `systemd-creds encrypt` wrote it.

    Raises:
        CommandError: the settings name a file of it, too.
    """
    from localcloud.datafolder import operator_key

    if settings.encryption_key_file is not None:
        raise CommandError(
            f"{settings.written('encryption_key_file')} names the encryption key, and so does "
            "--encryption-key: give one of them."
        )
    return Credential(operator_key.CREDENTIAL, file, _is_encrypted(file))


def code(project: Project) -> list[Path]:
    """The files and folders of a checkout that a localcloud runs from."""
    parts = [project.checkout / name for name in ("certs", "clients", "localcloud", "surroundings")]
    return [Path(sys.prefix), *_python(), *parts]


def check(unit: Unit, user: Account, settings: Settings, local: Path) -> None:
    """Refuses a unit that could not start, with all that is in its way.

    Args:
        local: the checkout's `.local`.

    Raises:
        CommandError: its user may not read what it runs from, or its data folder is not as it must be.
        StartError: a setting cannot work.
    """
    from localcloud import settings as rules

    rules.check(settings)
    problems = [*_data_problems(unit, user), *_key_problems(unit)]
    read = [*unit.code, *_named_files(settings)]
    if os.geteuid() == 0 or user.uid == os.geteuid():
        closed = [(path, what) for path in read if (what := _closed(path, user))]
        problems += [f"{what}: the user {user.name} may not read it" for _, what in closed]
        problems += _remedies([path for path, _ in closed], local)
    if problems:
        raise CommandError("Nothing is written: the unit could not start.\n- " + "\n- ".join(problems))


def write(unit: Unit, user: Account, root: Path) -> list[Path]:
    """Writes the unit, and what has the system make its user: the files that changed.

    Args:
        root: the folder that stands for `/`.

    Raises:
        CommandError: a file of that name is there that is not ours, or this user may not write it.
    """
    wanted = {unit.file: unit.text()}
    if not user.is_there or _inside(root, _users_file(unit)).exists():
        wanted[_users_file(unit)] = _users(unit)
    for path in wanted:
        _require_ours(_inside(root, path))
    changed = []
    for path, text in wanted.items():
        target = _inside(root, path)
        try:
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not write_whole(target, text.encode(), 0o644):
                continue
        except OSError as error:
            raise CommandError(
                f"{target} cannot be written ({error.strerror}): run this as root, or with --print."
            ) from None
        changed.append(target)
    return changed


def remove(name: str, root: Path) -> list[Path]:
    """Removes what `write` wrote: the files that are gone.

    Raises:
        CommandError: the unit runs, is not ours, or this user may not remove it.
    """
    file = _inside(root, units.FOLDER / f"{name}.service")
    users = _inside(root, _USERS / f"{name}.conf")
    _require_ours(file)
    _require_ours(users)
    if root == Path("/") and BOOTED.exists() and _is_active(name):
        raise CommandError(f"{name} runs: `systemctl disable --now {name}`, then this again.")
    gone = []
    for path in (file, users):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CommandError(f"{path} cannot be removed ({error.strerror}): run this as root.") from None
        gone.append(path)
    return gone


def next_steps(unit: Unit, user: Account, changed: Sequence[Path]) -> Iterable[str]:
    """The commands that a person runs next; nothing of them was done."""
    if not user.is_there:
        yield f"systemd-sysusers {_users_file(unit)}"
    if changed:
        yield "systemctl daemon-reload"
    yield f"systemctl enable --now {unit.name}    # or `systemctl restart {unit.name}`, where it runs"
    yield f"systemctl status {unit.name}"
    yield f"journalctl -u {unit.name} -f"


def _data_problems(unit: Unit, user: Account) -> Iterable[str]:
    data = unit.data
    if units.is_state(data):
        return
    owner = f"install -d -m 0700 -o {user.name} -g {user.group} {shlex.quote(str(data))}"
    if not data.is_dir():
        yield f"{data}, the data folder, is not there: `{owner}` makes it"
    elif user.is_there and data.stat().st_uid != user.uid:
        give = f"chown -R {user.name} {shlex.quote(str(data))}"
        yield f"{data}, the data folder, is not {user.name}'s: `{give}` gives it"


def _key_problems(unit: Unit) -> Iterable[str]:
    """What is wrong with the file of the key, which systemd reads as root."""
    from localcloud.datafolder import operator_key
    from localcloud.errors import StartError

    key = unit.encryption_key
    if key is None or key.is_encrypted:
        return
    try:
        operator_key.read(key.file, f"--encryption-key {key.file}")
    except StartError as error:
        yield str(error)


def _is_encrypted(file: Path) -> bool:
    """Whether a file holds more than a key in base64 can, and nothing else than base64: a credential that is
    encrypted.
    """
    try:
        content = b"".join(file.read_bytes().split()) if file.is_file() else b""
        return len(content) > _PLAIN_CHARACTERS and bool(base64.b64decode(content, validate=True))
    except (OSError, ValueError):
        return False


def _named_files(settings: Settings) -> list[Path]:
    """The files that the settings name, and the file that they are from."""
    from localcloud.configuration import table
    from localcloud.settings import Settings

    found = [] if settings.config is None else [settings.config.path]
    for setting in table.of(Settings).values():
        value = getattr(settings, setting.field)
        if setting.kind.is_path and setting.field != "data" and isinstance(value, Path):
            found.append(_package_root(value))
    return found


def _package_root(path: Path) -> Path:
    """An npm package's folder with the others that it needs beside it; else the path itself."""
    return path.parent if path.parent.name == "node_modules" else path


def _closed(path: Path, user: Account) -> str:
    """The first thing of a file or folder that the user may not read; empty: nothing is closed."""
    identity = (
        {"user": user.uid, "group": user.gid, "extra_groups": _groups(user)} if os.geteuid() == 0 else {}
    )
    done = subprocess.run(
        ["/bin/sh", "-c", _LOOK, "look", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        **identity,  # type: ignore[call-overload]
    )
    said: str = done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
    return said.removeprefix("find: ")


def _groups(user: Account) -> list[int]:
    return os.getgrouplist(user.name, user.gid) if user.is_there else [user.gid]


def _python() -> list[Path]:
    """The Python that the environment is made with."""
    return [Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))]


def _remedies(closed: Sequence[Path], local: Path) -> Iterable[str]:
    from engine import cache

    checkout, store = local.parent, cache.root()
    cached = [path for path in closed if path.is_relative_to(store)]
    own = [path for path in closed if path.is_relative_to(checkout)]
    if cached:
        folder = store if not _is_home(store) else Path(_SHARED_CACHE)
        yield (
            f"`FPGA_CACHE={folder} fpga cloud install …` makes what is in {store} where others may read it, "
            f"once `chmod -R a+rX {folder}` says so"
        )
    if any(path in closed for path in _python()):
        yield f"Python is in {sys.base_prefix}: `PYTHON=/usr/bin/python3 make bootstrap` takes the system's"
    if own and _is_home(checkout):
        yield f"{checkout} is in a home folder: put the checkout elsewhere, such as /opt/fpga-web-service"
    elif own:
        parts = " ".join(shlex.quote(str(path)) for path in own)
        yield f"`chmod a+x {shlex.quote(str(local))}; chmod -R a+rX {parts}` opens code, and no secret"


def _is_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in ("/home", "/root"))


def _require_ours(path: Path) -> None:
    if path.is_symlink():
        raise CommandError(f"{path} leads to {path.readlink()}: it is left as it is. Remove it, or --unit.")
    try:
        text = path.read_text()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    try:
        units.require_ours(text)
    except NotOurs as error:
        raise CommandError(
            f"{path} {error}: it is left as it is. Move it away, or give another name with --unit; changes "
            f"of your own go beside it, by `systemctl edit {path.stem}`."
        ) from None


def _users(unit: Unit) -> str:
    body = f'u {unit.user} - "localcloud" {unit.data} /usr/sbin/nologin\n'
    return units.marked(unit.name, body)


def _users_file(unit: Unit) -> Path:
    return _USERS / f"{unit.name}.conf"


def _inside(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _is_active(name: str) -> bool:
    command = ["systemctl", "is-active", "--quiet", f"{name}.service"]
    try:
        return subprocess.run(command, check=False, timeout=_TIMEOUT_S).returncode == 0
    except OSError:
        return False
