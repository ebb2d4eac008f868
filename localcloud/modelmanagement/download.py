"""Fetching a model's package from the address that it was registered with."""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import requests
import urllib3

from localcloud.errors import CloudError
from localcloud.http.deadlines import Deadline, DeadlineAdapter
from localcloud.modelmanagement.models import without_signature
from localcloud.modelmanagement.package_hosts import PackageHosts, Route
from surroundings.https import session as https_session

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
TOTAL_TIMEOUT_S = 120.0
MAX_PACKAGE_BYTES = 512 * 1024 * 1024
CHUNK_BYTES = 256 * 1024


def fetch(url: str, destination: Path, ca_file: Path, hosts: PackageHosts) -> None:
    """Fetches a package into a file, which is whole and on disk when this returns, else not there.

    Args:
        url: https, or http to a host that a setting names. Redirects are not followed.
        destination: the file; made readable by its owner alone.
        ca_file: PEM roots to trust beside the system's.
        hosts: where packages may come from.

    Raises:
        CloudError: 400 PackageNotFetched; the address in the message is without its signature.
    """
    asked = hosts.asked(url)
    route = _route(asked, hosts)
    if urlsplit(url).scheme == "http" and not route.is_named:
        raise _refusal(url, "goes over plain http", "Give an https address")
    draft = destination.with_suffix(".part")
    with (
        Deadline(TOTAL_TIMEOUT_S) as deadline,
        https_session(DeadlineAdapter(deadline, route.addresses, route.port, extra_roots=ca_file)) as session,
    ):
        session.mount("http://", DeadlineAdapter(deadline, route.addresses, route.port))
        # Proxies and .netrc are for other hosts than one's own.
        session.trust_env = not route.is_named
        try:
            _receive(session, url, asked, draft, deadline)
            draft.replace(destination)
            _sync_folder(destination.parent)
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise _refusal(url, "did not answer in time", "Try again, or give another address") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            if deadline.passed:
                raise _too_slow(url) from None
            # the error's own words quote the address, signature and all
            raise _refusal(
                url, f"could not be reached: {_cause(error)}", "Check the address, and that its host is up"
            ) from None
        finally:
            draft.unlink(missing_ok=True)


def _receive(session: requests.Session, url: str, asked: str, draft: Path, deadline: Deadline) -> None:
    """Receives what is at `asked`; who reads a refusal knows it by `url`."""
    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    # The file as it is: its size and checksum are those of the stored bytes.
    session.headers["Accept-Encoding"] = "identity"
    response = session.get(asked, stream=True, timeout=timeout, allow_redirects=False)
    if response.status_code in (403, 404) and "%" in urlsplit(asked).path:
        # The 2018 client quotes a name twice where it uploads and once in the address that it gives here.
        response.close()
        again = session.get(_quoted_again(asked), stream=True, timeout=timeout, allow_redirects=False)
        if again.status_code == 200:
            response = again
        else:
            again.close()
    with response:
        if response.status_code != 200:
            code = response.headers.get("x-ms-error-code", response.reason)
            raise _refusal(
                url,
                f"was refused with {response.status_code} {code[:80]}",
                "Give the address of a blob that is there, with a shared access signature that may read it "
                "and has not expired",
            )
        digest = hashlib.md5(usedforsecurity=False)  # what Azure keeps of a blob
        size = 0
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                size += len(chunk)
                if size > MAX_PACKAGE_BYTES:
                    raise _refusal(
                        url, f"is larger than {MAX_PACKAGE_BYTES >> 20} MiB", "Give a smaller package"
                    )
                digest.update(chunk)
                file.write(chunk)
            if deadline.passed:  # where no length was told, what was cut looks whole
                raise _too_slow(url)
            if size == 0:  # so looks what ended within its headers
                raise _refusal(url, "is empty", "Upload it again")
            file.flush()
            os.fsync(file.fileno())
        stored = response.headers.get("Content-MD5")
        length = response.headers.get("Content-Length")
        if stored not in (None, base64.b64encode(digest.digest()).decode()) or length not in (
            None,
            str(size),
        ):
            raise _refusal(url, "arrived incomplete or changed", "Upload it again")


def _route(url: str, hosts: PackageHosts) -> Route:
    try:
        route = hosts.route(urlsplit(url))
    except (OSError, UnicodeError) as error:
        if _proxy_of(url):  # it may know the name
            return Route((), is_named=False)
        raise _refusal(
            url, f"could not be reached: {_cause(error)}", "Check the address, and that its host is up"
        ) from None
    if route is None:
        raise _refusal(
            url,
            "is on this machine or its link, where localcloud fetches from its own blob service alone",
            "Upload it there, or start localcloud with --package-host HOST:PORT, which names another server",
        )
    return route


def _proxy_of(url: str) -> str | None:
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))


def _quoted_again(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path)))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cause(error: BaseException) -> str:
    """The innermost cause, in the system's words."""
    words = type(error).__name__
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            words = f"its certificate is not trusted ({inner.verify_message})"
        elif isinstance(inner, ssl.SSLError):
            words = f"no TLS ({inner.reason})"
        elif isinstance(inner, OSError) and inner.strerror:
            words = inner.strerror
        inner = inner.__cause__ or inner.__context__
    return words


def _too_slow(url: str) -> CloudError:
    return _refusal(url, f"took longer than {TOTAL_TIMEOUT_S:g} s to fetch", "Put it on a faster host")


def _refusal(url: str, problem: str, remedy: str) -> CloudError:
    message = f"The package at {without_signature(url)} {problem}. {remedy}."
    return CloudError(400, "PackageNotFetched", message)
