"""The files that replicas load, from localcloud to nodes: by SHA-256 alone, over gRPC with mutual TLS."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import grpc

from localcloud.cluster.credentials import Credentials
from localcloud.placing import mutual_tls
from localcloud.placing.errors import PlacingError
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.device import Device
from localcloud.scoring.entry import abort
from localcloud.scoring.errors import BindError

FILE_LIMIT: Final = 1024 * 1024 * 1024
"""Most bytes of a file: twice what a package may unpack to."""

AWAY_S: Final = 30.0
"""How long localcloud may be away before a node gives up to fetch from it."""

_SERVICE: Final = "localcloud.placing.Files"
_FETCH: Final = f"/{_SERVICE}/Fetch"
_FEATURIZERS: Final = f"/{_SERVICE}/Featurizers"
_CHUNK: Final = 1024 * 1024
_REQUEST_LIMIT: Final = 1024
_FETCHES: Final = 16
"""Files that are sent at a time; others wait."""
_MOST_CALLS: Final = 256
_FETCH_TIMEOUT_S: Final = 300.0
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FeaturizerFile:
    """A featurizer that localcloud's device has built in, as its folder describes it.

    Attributes:
        described: what its `featurizer.json` says.
        digest: SHA-256 of its `featurizer.onnx`, in hexadecimal digits.
    """

    described: dict[str, Any]
    digest: str

    @property
    def model_ref(self) -> str:
        return str(self.described["model_ref"])

    @property
    def model_version(self) -> str:
        return str(self.described["model_version"])


class FileServer:
    """The server of these files, in localcloud's process.

    Args:
        credentials: this machine's; holders of a certificate of the same CA get in, and nobody else.
        find: the file of a SHA-256, in 64 hexadecimal digits; None: there is none.
        device: whose featurizers are served, too; None: there are none.
    """

    def __init__(
        self, credentials: Credentials, find: Callable[[str], Path | None], device: Device | None = None
    ) -> None:
        self._credentials, self._find, self._device = credentials, find, device
        self._lock = threading.Lock()
        self._featurizers: dict[str, Path] | None = None  # by digest
        self._manifest: list[FeaturizerFile] = []
        self._server: grpc.Server | None = None

    def start(self, address: str) -> Endpoint:
        """Listens at this address of the machine, on a free port: the endpoint.

        Raises:
            BindError: no port there can be bound, or gRPC does not take the certificate.
            OSError: the files of the certificate cannot be read.
        """
        server = grpc.server(
            ThreadPoolExecutor(_FETCHES, "files for nodes"),
            [self._handler()],
            options=[*mutual_tls.SERVER_OPTIONS, ("grpc.max_receive_message_length", _REQUEST_LIMIT)],
            maximum_concurrent_rpcs=_MOST_CALLS,
        )
        try:
            port = server.add_secure_port(
                Endpoint(address, 0).target, mutual_tls.server_credentials(self._credentials)
            )
        except RuntimeError as error:
            raise BindError(f"The files for nodes cannot be served at {address}: {error}") from None
        server.start()
        self._server = server
        return Endpoint(address, port)

    def stop(self) -> None:
        """Ends; a file that is being sent breaks off. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait()

    def _handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Fetch": grpc.unary_stream_rpc_method_handler(self._fetch, None, None),
            "Featurizers": grpc.unary_unary_rpc_method_handler(self._tell, None, None),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, methods)

    def _fetch(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        digest = request.decode("latin-1")
        if not _DIGEST.fullmatch(digest):
            words = "A file is asked for by its SHA-256, in 64 hexadecimal digits."
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, words)
        path = self._built_in().get(digest) or self._find(digest)
        try:
            file = None if path is None else path.open("rb")
        except FileNotFoundError:
            file = None
        if file is None:
            abort(context, grpc.StatusCode.NOT_FOUND, f"There is no file of the SHA-256 {digest}.")
        # who stops reading holds its place no longer than this
        cut_off = threading.Timer(_FETCH_TIMEOUT_S, context.cancel)
        cut_off.daemon = True
        cut_off.start()
        try:
            with file:
                yield from iter(partial(file.read, _CHUNK), b"")
        finally:
            cut_off.cancel()

    def _tell(self, _request: bytes, _context: grpc.ServicerContext) -> bytes:
        self._built_in()
        told = [{"described": one.described, "digest": one.digest} for one in self._manifest]
        return json.dumps(told).encode()

    def _built_in(self) -> dict[str, Path]:
        """The featurizers' files by their digests, which are computed once."""
        with self._lock:
            if self._featurizers is None:
                found: dict[str, Path] = {}
                manifest = []
                for one in () if self._device is None else self._device.featurizers():
                    with one.path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                    found[digest] = one.path
                    described = json.loads(one.path.with_name("featurizer.json").read_text())
                    manifest.append(FeaturizerFile(described, digest))
                self._featurizers, self._manifest = found, manifest
            return self._featurizers


class Files:
    """A node's side: fetches files of a localcloud.

    Args:
        server: where it serves them.
        credentials: this machine's.

    Raises:
        OSError: the files of the certificate cannot be read.
    """

    def __init__(self, server: Endpoint, credentials: Credentials) -> None:
        self._server = server
        self._channel = mutual_tls.channel(server, credentials)
        self._told: list[FeaturizerFile] | None = None

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def fetch(self, digest: str, into: IO[bytes]) -> None:
        """Writes a file, whose content is the caller's to judge.

        Raises:
            PlacingError: there is none of this digest, or localcloud does not send it.
            OSError: it cannot be written.
        """
        ask = self._channel.unary_stream(_FETCH, None, None)
        size = 0
        self.featurizers()  # a localcloud that is away is waited for
        try:
            for chunk in ask(digest.encode(), timeout=_FETCH_TIMEOUT_S):
                size += len(chunk)
                if size > FILE_LIMIT:
                    raise PlacingError(f"The file {digest} has more than {FILE_LIMIT} bytes.")
                into.write(chunk)
        except grpc.RpcError as error:
            raise self._fault(error) from None

    def featurizers(self, *, waits: bool = True) -> list[FeaturizerFile]:
        """The featurizers that localcloud's device has.

        Args:
            waits: for a localcloud that is away, for some time.

        Raises:
            PlacingError: it does not answer.
        """
        if self._told is None:
            ask = self._channel.unary_unary(_FEATURIZERS, None, None)
            try:
                self._told = read_featurizers(ask(b"", timeout=AWAY_S, wait_for_ready=waits))
            except grpc.RpcError as error:
                raise self._fault(error) from None
        return self._told

    def _fault(self, error: grpc.RpcError) -> PlacingError:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return PlacingError(str(error.details()))
        return PlacingError(
            f"The model's files cannot be fetched from localcloud at {self._server.target}: "
            f"{error.code().name}, {error.details()}"
        )


def read_featurizers(text: bytes) -> list[FeaturizerFile]:
    """What a file server told of featurizers."""
    return [
        FeaturizerFile(one["described"], one["digest"])
        for one in json.loads(text)
        if _DIGEST.fullmatch(one["digest"])  # it becomes the name of a file
    ]


def written(featurizers: Sequence[FeaturizerFile]) -> bytes:
    """The text that `read_featurizers` reads."""
    return json.dumps([{"described": one.described, "digest": one.digest} for one in featurizers]).encode()
