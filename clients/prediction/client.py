"""A client of the scoring service: gRPC `tensorflow.serving.PredictionService/Predict`.

It has the shape of the 2018 client (`amlrealtimeai.PredictionClient`), and really sends the key:

    with PredictionClient(address, port, use_ssl=True, access_token=key) as client:
        scores = client.score_image("photo.jpg")

Errors: `clients.prediction.errors`, whose classes are importable from here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import grpc

from clients.dns.resolution import addresses_of, host_and_port, literal_address, resolve
from clients.prediction import diagnosis
from clients.prediction import roots as roots_of
from clients.prediction.errors import (
    CertificateError,
    CertificateExpired,
    CertificateNotYetValid,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidInput,
    KeyRejected,
    KeyWithoutTls,
    MissingKey,
    NameNotFound,
    NothingListening,
    PlaintextServer,
    PredictionError,
    RootCertificatesError,
    ServiceFailed,
    TlsServer,
    UntrustedCertificate,
    WrongKey,
    WrongName,
)
from clients.wire import messages
from clients.wire import tensorflow_serving as serving
from surroundings import proxies

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "CertificateError",
    "CertificateExpired",
    "CertificateNotYetValid",
    "ConnectionFailed",
    "DeadlineExceeded",
    "InvalidInput",
    "KeyRejected",
    "KeyWithoutTls",
    "LabelledScores",
    "MissingKey",
    "NameNotFound",
    "NothingListening",
    "PlaintextServer",
    "PredictionClient",
    "PredictionError",
    "RootCertificatesError",
    "ServiceFailed",
    "TlsServer",
    "UntrustedCertificate",
    "WrongKey",
    "WrongName",
]

INPUT: Final = serving.INPUT
OUTPUT: Final = serving.OUTPUT


@dataclass(frozen=True)
class LabelledScores:
    """The output tensor for one image, and the names of its classes; empty where the model has none."""

    scores: npt.NDArray[Any]
    labels: tuple[str, ...]


class PredictionClient:
    """Scores images with one service. Safe to use from many threads; to be closed, or used in a `with`.

    Args:
        address: the service's name or IP address; a name may be internationalized (IDNA 2008).
        port: its port, 50051 as a rule.
        use_ssl: whether to speak TLS.
        access_token: the primary or secondary key, sent as it is in the metadata `authorization`.
        root_certificates: PEM (bytes) or a PEM file of the roots to trust; None: the file that
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, else gRPC's own.
        name_servers: `ADDRESS[:PORT]` of DNS servers to ask for the address instead of the system's. The
            certificate is verified by the name all the same.
        server_name: the name that the certificate must bear, where it is another than `address`.
        timeout_s: deadline of each call in seconds, connecting and name resolution included.

    Raises:
        KeyWithoutTls: a key without TLS; it would be readable by everyone on the way.
        RootCertificatesError: the roots cannot be read.
        ValueError: the port is none, the key cannot be sent in a header, a name server is no address, or
            IDNA 2008 does not allow the name.
    """

    def __init__(
        self,
        address: str,
        port: int,
        use_ssl: bool = False,
        access_token: str | None = None,
        *,
        root_certificates: bytes | str | Path | None = None,
        name_servers: Sequence[str] = (),
        server_name: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        if not 1 <= port <= 65535:
            raise ValueError(f"The port {port} is none of 1 to 65535.")
        if access_token and not use_ssl:
            raise KeyWithoutTls(
                "A key was given without TLS, and would be readable by everyone on the way: "
                "set use_ssl=True, or leave the key out where SSL is off at the service: it needs none there."
            )
        if access_token and not (access_token.isascii() and access_token.isprintable()):
            raise ValueError(
                "The key holds characters that a header cannot carry: it must be printable ASCII."
            )
        for server in name_servers:
            host_and_port(server)
        self._address = _a_labels(address)
        self._port = port
        self._use_ssl = use_ssl
        self._metadata = (("authorization", access_token),) if access_token else ()
        self._roots = roots_of.read(root_certificates) if use_ssl else None
        self._name_servers = tuple(name_servers)
        self._server_name = _a_labels(server_name) if server_name else self._address
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: tuple[grpc.Channel, str] | None = None

    def __repr__(self) -> str:
        scheme = "TLS" if self._use_ssl else "plaintext"
        return f"<PredictionClient {self._address}:{self._port} {scheme}>"

    def __enter__(self) -> PredictionClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; a later call opens a new one."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection[0].close()

    def connect(self) -> str:
        """Resolves the name and connects, without a call: the `ADDRESS:PORT` that the service answers at.

        Raises:
            PredictionError: of the branches NameNotFound, ConnectionFailed, DeadlineExceeded.
        """
        deadline = time.monotonic() + self._timeout_s
        channel, host = self._channel()
        settled = threading.Event()
        states: list[grpc.ChannelConnectivity] = []

        def follow(state: grpc.ChannelConnectivity) -> None:
            states.append(state)
            if state in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                settled.set()

        channel.subscribe(follow, try_to_connect=True)
        try:
            settled.wait(max(0.0, deadline - time.monotonic()))
        finally:
            channel.unsubscribe(follow)
        if grpc.ChannelConnectivity.READY not in states:
            # The connectivity does not tell why; a call on the same channel does.
            code = "UNAVAILABLE" if settled.is_set() else "DEADLINE_EXCEEDED"
            self.close()
            raise diagnosis.explain(self._peer(host), code, "")
        return f"{host}:{self._port}"

    def score_image(self, image: str | Path | bytes) -> npt.NDArray[Any]:
        """Scores one image file (JPEG, PNG, …), as the service decodes it.

        Args:
            image: path of the file, or its bytes.

        Returns:
            The output tensor: for a classifier shape [1, classes].

        Raises:
            PredictionError: see the module.
            OSError: the file cannot be read.
        """
        content = image if isinstance(image, bytes) else Path(image).read_bytes()
        return self._score({INPUT: serving.tensor_from_bytes([content])})

    def score_labelled(self, image: str | Path | bytes) -> LabelledScores:
        """As `score_image`, with the labels that the model's package brings.

        Raises:
            PredictionError: see the module.
            OSError: the file cannot be read.
        """
        content = image if isinstance(image, bytes) else Path(image).read_bytes()
        response = self._call({INPUT: serving.tensor_from_bytes([content])}, (OUTPUT, serving.LABELS))
        labels: tuple[str, ...] = ()
        if serving.LABELS in response.outputs:
            try:
                labels = serving.texts_from_tensor(response.outputs[serving.LABELS])
            except serving.TensorError as error:
                raise ServiceFailed(f"The answer of {self._address} has no labels: {error}") from None
        return LabelledScores(self._scores(response), labels)

    def score_numpy_arrays(
        self, arrays: Mapping[str, npt.NDArray[Any]] | npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        """Scores arrays, such as a decoded image of shape [1, height, width, 3].

        Args:
            arrays: input name -> array; a single array is the input `images`.

        Returns:
            The output tensor.

        Raises:
            PredictionError: see the module.
            clients.wire.tensorflow_serving.TensorError: an array's type cannot be sent.
        """
        named = arrays if isinstance(arrays, Mapping) else {INPUT: arrays}
        return self._score({name: serving.tensor_from_array(array) for name, array in named.items()})

    def _score(self, inputs: Mapping[str, messages.TensorProto]) -> npt.NDArray[Any]:
        return self._scores(self._call(inputs))

    def _call(
        self, inputs: Mapping[str, messages.TensorProto], output_filter: Sequence[str] = ()
    ) -> messages.PredictResponse:
        request = messages.PredictRequest()
        request.output_filter.extend(output_filter)
        for name, tensor in inputs.items():
            request.inputs[name].CopyFrom(tensor)
        deadline = time.monotonic() + self._timeout_s
        channel, host = self._channel()
        predict = channel.unary_unary(
            serving.METHOD,
            request_serializer=messages.PredictRequest.SerializeToString,
            response_deserializer=messages.PredictResponse.FromString,
        )
        try:
            response: messages.PredictResponse = predict(
                request, timeout=max(0.001, deadline - time.monotonic()), metadata=self._metadata
            )
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            if code == "UNAVAILABLE":
                # The service may come back at another address: the next call asks for it anew.
                self.close()
            raise diagnosis.explain(self._peer(host), code, details) from None
        return response

    def _scores(self, response: messages.PredictResponse) -> npt.NDArray[Any]:
        if OUTPUT not in response.outputs:
            names = ", ".join(sorted(response.outputs)) or "none"
            raise ServiceFailed(f"The answer of {self._address} has no output '{OUTPUT}' (it has: {names}).")
        try:
            return serving.array_from_tensor(response.outputs[OUTPUT])
        except serving.TensorError as error:
            raise ServiceFailed(
                f"The answer of {self._address} has no scores in '{OUTPUT}': {error}"
            ) from None

    def _peer(self, host: str) -> diagnosis.Peer:
        return diagnosis.Peer(
            host=host,
            port=self._port,
            server_name=self._server_name,
            use_ssl=self._use_ssl,
            with_key=bool(self._metadata),
            roots=self._roots,
            timeout_s=self._timeout_s,
        )

    def _channel(self) -> tuple[grpc.Channel, str]:
        """The channel, and the address that it leads to: a name where gRPC resolves it."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            return self._connection

    def _open(self) -> tuple[grpc.Channel, str]:
        options: list[tuple[str, Any]] = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
        ]
        target, host = f"dns:///{self._address}:{self._port}", self._address
        literal = literal_address(self._address)
        proxied = proxies.are_named(os.environ)
        if literal is not None:
            addresses = [str(literal)]
        elif self._name_servers:
            addresses = resolve(self._address, self._name_servers, self._timeout_s)
        else:
            addresses = []
        if addresses:
            # A proxy is asked for one address; gRPC would ask for all of them in one word.
            target, host = self._target(addresses[:1] if proxied else addresses), addresses[0]
        if proxied and all(map(proxies.is_loopback, addresses or addresses_of(self._address))):
            options.append(("grpc.enable_http_proxy", 0))
        if not self._use_ssl:
            return grpc.insecure_channel(target, options=options), host
        if host != self._address or self._server_name != self._address:
            # The certificate is verified against this name in full, chain and SAN; only the name is given.
            options.append(("grpc.ssl_target_name_override", self._server_name))
        credentials = grpc.ssl_channel_credentials(root_certificates=self._roots)
        return grpc.secure_channel(target, credentials, options=options), host

    def _target(self, addresses: Sequence[str]) -> str:
        if ":" in addresses[0]:
            return "ipv6:" + ",".join(f"[{address}]:{self._port}" for address in addresses)
        return "ipv4:" + ",".join(f"{address}:{self._port}" for address in addresses)


def _a_labels(name: str) -> str:
    """The name as it goes over the wire."""
    if name.isascii():
        return name
    from certs.errors import DomainNameError
    from certs.names import to_ascii

    try:
        return to_ascii(name)
    except DomainNameError as error:
        raise ValueError(str(error)) from None
