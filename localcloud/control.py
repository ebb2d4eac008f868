"""Starts, finds and stops a localcloud that runs as a process of its own.

Whether one runs is told by the lock on its data folder, which the system lets go of when the process ends:
a pid file that was left behind, or whose number another process has by now, misleads nobody.
Imports nothing beyond the standard library and what imports no more: `fpga` calls it on every command.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from localcloud import command_line, logs, ports, waiting
from localcloud.certificate import trusted
from localcloud.datafolder import lock, look, usable
from localcloud.errors import StartError
from localcloud.settings import (
    CA_CERTIFICATE,
    CLIENT_SECRET,
    DATABASE,
    END_S,
    FOLLOW,
    LOCK,
    LOG,
    PID,
    REFUSAL,
    Settings,
    check,
)
from localcloud.status import Status
from surroundings.tls import client_context, pinned_context

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
"""How long one that does not tell its `drain_timeout` may take to end."""
FOLLOW_TIMEOUT_S = 15.0
HEALTH_TIMEOUT_S = 5.0
_KILL_TIMEOUT_S = 5.0
_LOG_LINES = 15
_NUMBER = re.compile(rb"[1-9][0-9]{0,9}")
_SCOPE = "https://management.core.windows.net//.default"  # the audience ends with a slash


def start(settings: Settings, timeout_s: float = START_TIMEOUT_S) -> Status:
    """Starts a localcloud in the background and returns its status when every part is ready.

    Where one runs on that data folder already, its status is returned; one that ends just now is waited for.

    Raises:
        StartError: a setting is wrong, or it did not come up; then the message ends with the last lines
            that it said.
    """
    with usable.told(settings.data):
        if running := _running_status(settings.data, timeout_s):
            return running
        check(settings)
        usable.require(settings.data)
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.data / LOCK).touch(mode=0o600)  # marks the folder as ours, before the log is in it
        log = settings.data / LOG
        said_before = log.stat().st_size if log.exists() else 0
        ready, told = os.pipe()
        try:
            process = _spawn(settings, told)
        finally:
            os.close(told)
    try:
        with os.fdopen(ready, "rb") as pipe:
            # Readable when it is ready, or at once when it dies: the pipe then ends.
            readable, _, _ = select.select([pipe], [], [], timeout_s)
            is_ready = bool(readable) and pipe.read() == b"ready\n"
    except BaseException:
        _kill(process)
        raise
    if is_ready:
        # Takes note of its end, should this process live longer.
        threading.Thread(target=process.wait, name="localcloud", daemon=True).start()
        return status(settings.data)
    if readable:
        code = process.wait()
        if running := _running_status(settings.data, timeout_s):  # another one, started in the same moment
            return running
        said = _last_lines(log, said_before)
        _, refusal, reason = said.rpartition(REFUSAL)
        raise StartError(reason if refusal else f"localcloud ended with code {code}. It said:\n{said}")
    _kill(process)
    raise StartError(
        f"localcloud was not ready within {timeout_s:g} s and was stopped. "
        f"It said:\n{_last_lines(log, said_before)}"
    )


def stop(data: Path, timeout_s: float | None = None, waits: Callable[[str], object] = lambda _: None) -> bool:
    """Stops the localcloud of a data folder: asks it to end behind the calls under way, then kills it.

    Args:
        timeout_s: how long it may take; None: a little more than its `drain_timeout`.
        waits: told again and again what is waited for.

    Returns:
        Whether one was running.

    Raises:
        StartError: what it needs of the folder cannot be used, or it does not end.
    """
    with usable.told(data):
        return _stop(data, timeout_s, waits)


def _stop(data: Path, timeout_s: float | None, waits: Callable[[str], object]) -> bool:
    pid_file = data / PID
    was_running = False
    if timeout_s is None:
        timeout_s = _stop_timeout_s(data)
    steps = (
        (signal.SIGTERM, timeout_s, f"calls under way end, for up to {timeout_s:g} s"),
        (signal.SIGKILL, _KILL_TIMEOUT_S, f"it had not ended after {timeout_s:g} s, and is killed"),
    )
    for number, patience_s, what in steps:
        pid = _pid(data)
        if pid is None:
            break
        was_running = True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        waiting.until(functools.partial(_is_over, data, waits, what), patience_s)
    if lock.is_held(data):
        raise StartError(f"The localcloud of {data} does not end, not even killed.")
    pid_file.unlink(missing_ok=True)
    return was_running


def status(data: Path) -> Status:
    """The status of the localcloud of a data folder: what it tells where it runs, else what the folder does.

    Raises:
        StartError: one runs and does not answer, or a file that tells cannot be used.
    """
    with usable.told(data):
        return _running_status(data, HEALTH_TIMEOUT_S) or _known(data)


def have_follow(data: Path, followed: Callable[[], bool], timeout_s: float = FOLLOW_TIMEOUT_S) -> None:
    """Has the localcloud that runs on a data folder take what was made anew there.

    Args:
        followed: whether it has.

    Raises:
        StartError: it has not in time.
    """
    with usable.told(data):
        pid = _pid(data)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, FOLLOW)
    if not waiting.until(lambda: followed() or not lock.is_held(data), timeout_s):
        raise StartError(
            f"The localcloud of {data} has not taken what is new within {timeout_s:g} s; its log is "
            f"{data / LOG}. It takes it at its next start."
        )


def settings_of(data: Path) -> Settings | None:
    """The settings of the localcloud that runs on a data folder, of its file those that stand there now; None
    where they are not to be seen.

    Raises:
        StartError: its file cannot be read any more, or holds what cannot be used.
    """
    with usable.told(data):
        pid = _pid(data)
    line = None if pid is None else command_line.of_process(pid)
    return None if line is None else line.settings()


def _is_over(data: Path, waits: Callable[[str], object], what: str) -> bool:
    waits(what)
    return not lock.is_held(data)


def _stop_timeout_s(data: Path) -> float:
    """How long the localcloud of a data folder may take to end by itself."""
    try:
        found = settings_of(data)
    except StartError:  # its file of settings cannot be read any more
        found = None
    return STOP_TIMEOUT_S if found is None else found.drain_timeout + END_S + _KILL_TIMEOUT_S


def _spawn(settings: Settings, ready_fd: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "localcloud", *command_line.arguments(settings, ready_fd)]
    log = settings.data / LOG
    logs.put_aside(log)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=[ready_fd],
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _pid(data: Path) -> int | None:
    """The process that runs on a data folder: the number in its pid file, as long as the lock is held."""
    found: int | None = None

    def named() -> bool:
        """False while it starts or ends just now."""
        nonlocal found
        try:
            written = (data / PID).read_bytes()
        except FileNotFoundError:
            return False
        # of what is no process of localcloud's own, none is told to end: 0 and -1 are whole groups
        number = int(written) if _NUMBER.fullmatch(written) else 0
        if number == 0 or command_line.of_process(number) is None:
            return False
        found = number
        return True

    if not waiting.until(lambda: not lock.is_held(data) or named(), _KILL_TIMEOUT_S):
        raise StartError(
            f"A localcloud holds {data}, but {data / PID} does not name it: end the process that has "
            f"{data / LOCK} open (`fuser {data / LOCK}` tells its number)."
        )
    return found


def _running_status(data: Path, timeout_s: float) -> Status | None:
    """The status that the running one tells; None: none runs, or it has ended before it could tell.

    One that starts just now is waited for, and so is one that ends: until the system has taken back what a
    killed process held, it looks as if it ran.

    Raises:
        StartError: it runs, and does not answer.
    """
    if not lock.is_held(data):
        return None
    told: Status | None = None
    trouble: Exception | None = None

    def answered() -> bool:
        nonlocal told, trouble
        try:
            told = _health(data)
        except (OSError, ValueError, http.client.HTTPException) as error:
            trouble = error
            return False
        return True

    waiting.until(lambda: answered() or not lock.is_held(data), timeout_s)
    if told is None and lock.is_held(data):
        raise StartError(f"The localcloud of {data} does not answer ({trouble}); its log is {data / LOG}.")
    return told


def _health(data: Path) -> Status:
    known = _known(data, runs=True)
    kept = ports.read(data)
    if kept is None:
        raise OSError("it has no ports yet")
    own = trusted.is_own(data)
    context = client_context(cafile=data / CA_CERTIFICATE) if own else pinned_context(trusted.here(data))
    # where it listens, whatever name callers are told
    connection = http.client.HTTPSConnection(
        kept.near_host, kept.https, timeout=HEALTH_TIMEOUT_S, context=context
    )
    try:
        told = _asked(connection, "GET", "/health")
        if "https" not in told:  # as earlier versions tell anybody
            token = _token(connection, known)
            told = _asked(connection, "GET", "/health", headers={"Authorization": f"Bearer {token}"})
    finally:
        connection.close()
    return Status.from_json(told)


def _token(connection: http.client.HTTPSConnection, known: Status) -> str:
    """A token of the tenant's client, which signs in by the secret in the data folder."""
    form = {
        "grant_type": "client_credentials",
        "client_id": str(known.client_id),
        "client_secret": known.client_secret_file.read_text().strip(),
        "scope": _SCOPE,
    }
    told = _asked(connection, "POST", f"/{known.tenant}/oauth2/v2.0/token", urlencode(form))
    return str(told["access_token"])


def _asked(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise OSError(f"{method} {path}: HTTP {response.status}")
    told = json.loads(content)
    if not isinstance(told, dict):
        raise ValueError(f"{method} {path}: its answer is no object")  # noqa: TRY004 - as of any bad answer
    return told


def _known(data: Path, *, runs: bool = False) -> Status:
    """The status that the data folder itself tells."""
    kept = ports.read(data)
    tenant = _tenant(data / DATABASE, runs=runs)
    return Status(
        https=kept.base_urls[0] if kept else None,
        ca=trusted.by_callers(data),
        needs_roots=trusted.needs_roots(data),
        tenant=tenant.get("tenant_id"),
        subscription=tenant.get("subscription_id"),
        client_id=tenant.get("client_id"),
        client_secret_file=data / CLIENT_SECRET,
        dns=kept.name_server if kept else None,
        blob=kept.blob_url if kept else None,
    )


def _tenant(database: Path, *, runs: bool) -> dict[str, str]:
    usable.require_file(database)
    if not database.exists():
        return {}
    with look.shared(database) if runs else look.untouched(database) as db:
        db.row_factory = sqlite3.Row
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tenant'").fetchone() is None:
            return {}  # killed at its very first start, before it had tables
        row = db.execute("SELECT tenant_id, subscription_id, client_id FROM tenant").fetchone()
    return dict(row) if row else {}


def _last_lines(log: Path, since: int) -> str:
    with log.open("rb") as file:
        file.seek(since if log.stat().st_size >= since else 0)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) or "(nothing)"
