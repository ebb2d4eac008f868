"""Joining a cluster as a process of its own, and leaving it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import grpc

from localcloud import binding, logs, waiting
from localcloud.cluster import installed, node_folder
from localcloud.cluster.membership import Membership
from localcloud.cluster.node import START_TIMEOUT_S, environment
from localcloud.errors import StartError
from localcloud.files import write_private
from surroundings.tls import client_context

DRAIN_S: Final = 120
"""How long replicas may take to come up elsewhere before a machine leaves without them."""
_ASKED: Final = "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"
_CONNECT_S: Final = 5.0
_MORE_S: Final = 30.0
_END_S: Final = 40.0
_LINES: Final = 15


def require(membership: Membership, *, token: str, tls: str) -> None:
    """Refuses a membership that this machine cannot have, before anything is changed.

    Args:
        token, tls: the settings that name the files.

    Raises:
        StartError: Ray is not installed, a file does not serve, or the head does not let this machine in.
    """
    obstacle = installed.obstacle()
    if obstacle is not None:
        raise StartError(f"`fpga cloud join` {obstacle}")
    membership.credentials.check(token, tls)
    for port in membership.ports:
        _require_free(port)
    if not membership.is_head:
        _reach(membership)
        _show_token(membership, token)


def prepare(folder: Path, membership: Membership) -> None:
    """Keeps the membership in a folder of its own.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(
        folder / node_folder.MEMBERSHIP, json.dumps(membership.to_json(), indent=1).encode() + b"\n"
    )


def joined(folder: Path) -> Membership | None:
    """What this machine is by that folder, while a process has it joined; None: none has."""
    return Membership.read(folder / node_folder.MEMBERSHIP) if node_folder.is_held(folder) else None


def is_up(folder: Path) -> bool:
    """Whether this machine is of its cluster now; one that joins just now is waited for."""
    up = folder / node_folder.UP
    waiting.until(lambda: up.exists() or _is_gone(folder), _MORE_S)
    return up.exists()


def start(folder: Path) -> int:
    """Has a process of its own join with the folder's membership: its number, once it is of the cluster.

    Raises:
        StartError: it does not come up; the message holds what it said.
    """
    log = folder / node_folder.LOG
    logs.put_aside(log)
    ready, told = os.pipe()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        said_before = log.stat().st_size
        process = subprocess.Popen(
            command(folder, told),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=[told],
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
        os.close(told)
    try:
        with os.fdopen(ready, "rb") as pipe:
            readable, _, _ = select.select([pipe], [], [], START_TIMEOUT_S + _MORE_S)
            if readable and pipe.read() == b"ready\n":
                return process.pid
    except BaseException:
        process.kill()  # Ray goes with it
        process.wait()
        raise
    process.kill()
    process.wait()
    with log.open("rb") as file:
        file.seek(said_before)
        said = "\n".join(file.read().decode(errors="replace").splitlines()[-_LINES:])
    _, refusal, reason = said.rpartition(node_folder.REFUSAL)
    raise StartError(
        f"This machine cannot join: {reason}" if refusal else f"It did not join. It said:\n{said}"
    )


def command(folder: Path, ready: int | None = None) -> list[str]:
    """The command line of the process that runs Ray for a folder."""
    return [
        *(sys.executable, "-P", "-m", "localcloud.cluster.node"),
        str(folder),
        *([] if ready is None else [str(ready)]),
    ]


def leave(folder: Path, *, at_once: bool, tell: Callable[[str], object]) -> bool:
    """Has this machine leave: its replicas are elsewhere first, then what `start` started ends.

    Args:
        at_once: without the replicas' being elsewhere.
        tell: told how far it is.

    Returns:
        Whether it was of a cluster.

    Raises:
        StartError: other machines have no room, or need this one; or it does not end.
    """
    pid = node_folder.holder(folder)
    membership = joined(folder)
    if pid is None or membership is None:
        return False
    if not at_once:
        _drain(membership, tell)
    tell("Ray ends here")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    gone = functools.partial(_is_gone, folder)
    if not waiting.until(gone, _END_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if not waiting.until(gone, _END_S):
            raise StartError(f"The process {pid} of {folder} does not end, not even killed.")
    (folder / node_folder.PID).unlink(missing_ok=True)
    return True


def _is_gone(folder: Path) -> bool:
    return not node_folder.is_held(folder)


def _drain(membership: Membership, tell: Callable[[str], object]) -> None:
    child = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "localcloud.cluster.draining"),
            *(membership.head.target, membership.address, str(DRAIN_S)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(membership),
    )
    assert child.stdout is not None  # noqa: S101 - made with a pipe
    refusal = ""
    try:
        with child.stdout:
            for line in child.stdout:
                with contextlib.suppress(ValueError):
                    told = json.loads(line)
                    if "tell" in told:
                        tell(str(told["tell"]))
                    refusal = str(told.get("refusal", refusal))
        code = child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise
    if refusal:
        raise StartError(f"{refusal} `fpga cloud leave --now` leaves all the same.")
    if code != 0:
        raise StartError(
            f"The head at {membership.head.target} cannot be asked to move this machine's replicas: "
            "`fpga cloud leave --now` leaves without."
        )


def _require_free(port: int) -> None:
    try:
        # as Ray binds it: at every address of the machine
        socket.create_server(("0.0.0.0", port)).close()  # noqa: S104 - and lets go of it at once
    except OSError as error:
        raise StartError(
            f"Port {port} {binding.reason(error, 'of any kind', port)}. Ray needs it here."
        ) from None


def _show_token(membership: Membership, setting: str) -> None:
    """Refuses a token that the head does not take: Ray would try for half a minute."""
    files = membership.credentials
    shown = grpc.ssl_channel_credentials(
        files.ca_file.read_bytes(), files.key_file.read_bytes(), files.certificate_file.read_bytes()
    )
    token = files.token_file.read_text().strip()
    with grpc.secure_channel(membership.head.target, shown) as channel:
        ask = channel.unary_unary(_ASKED, _as_it_is, _as_it_is)
        try:
            ask(b"", timeout=_CONNECT_S, metadata=(("authorization", f"Bearer {token}"),))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise StartError(
                    f"The head at {membership.head.target} does not take the token of {setting} "
                    f"{files.token_file}: take that of the cluster's folder (`fpga cloud credentials`)."
                ) from None
            # of what else is the matter, Ray says more


def _as_it_is(message: bytes) -> bytes:
    return message


def _reach(membership: Membership) -> None:
    """Refuses a head that does not answer, or is of another CA, in better words than Ray has."""
    head, files = membership.head, membership.credentials
    context = client_context(cafile=files.ca_file)
    context.load_cert_chain(files.certificate_file, files.key_file)
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection(head, _CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=head.address) as connection,
        ):
            # TLS 1.3: what the head says of this machine's certificate comes behind the handshake
            connection.recv(1)
    except ssl.SSLCertVerificationError as error:
        raise StartError(
            f"The head at {head.target} is not of the CA in {files.ca_file} ({error.verify_message}): take "
            "the files that `fpga cloud credentials` made for this machine, in the folder of that cluster."
        ) from None
    except ssl.SSLError as error:
        raise StartError(
            f"The head at {head.target} does not take this machine's certificate {files.certificate_file} "
            f"({error.reason}): take those that `fpga cloud credentials` made in that cluster's folder."
        ) from None
    except OSError as error:
        raise StartError(
            f"No head answers at {head.target} ({error.strerror or error}): `fpga cloud join --head` starts "
            "one there; else have firewalls let this machine through (docs/replicas.md lists the ports)."
        ) from None
