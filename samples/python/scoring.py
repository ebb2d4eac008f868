"""A service to score photos with, as the environment names it; `fpga call-info` prints these variables."""

from __future__ import annotations

import json
import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2

SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                # Not ModelService: the first call is to fail at once where the connection is refused.
                "name": [{"service": "tensorflow.serving.PredictionService"}],
                "waitForReady": True,
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "1s",
                    "backoffMultiplier": 2,
                    "maxBackoff": "5s",
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        host: the name that its certificate bears.
        port: of gRPC.
        address: where it is, so that no resolver is asked; empty: the system's resolver tells.
        roots: PEM of the roots to trust; None: the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, or
            those that gRPC comes with.
        key: the primary or the secondary one.
        timeout_s: the deadline of each call.
    """

    host: str
    port: str
    address: str
    roots: bytes | None = field(repr=False)
    key: str = field(repr=False)
    timeout_s: float

    @classmethod
    def from_environment(cls) -> Service:
        """Reads the variables; ends the program where one is missing."""
        roots = os.environ.get("FPGA_SERVICE_ROOTS")
        return cls(
            host=_required("FPGA_SERVICE_HOST"),
            port=_required("FPGA_SERVICE_PORT"),
            address=os.environ.get("FPGA_SERVICE_ADDRESS", ""),
            roots=Path(roots).read_bytes() if roots else None,
            key=_required("FPGA_SERVICE_KEY"),
            timeout_s=float(os.environ.get("FPGA_SERVICE_TIMEOUT") or "30"),
        )

    @property
    def target(self) -> str:
        """The channel's target."""
        return f"ipv4:{self.address}:{self.port}" if self.address else f"dns:///{self.host}:{self.port}"

    @property
    def options(self) -> list[tuple[str, str]]:
        """The channel's options: the certificate is verified by the name, wherever the address is from."""
        return [("grpc.service_config", SERVICE_CONFIG), ("grpc.ssl_target_name_override", self.host)]

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """TLS, and the key with each call: `authorization: Bearer KEY`."""
        return grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(self.roots), grpc.access_token_call_credentials(self.key)
        )


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set")
    return value


def request(photo: bytes) -> predict_pb2.PredictRequest:
    """A request to score one photo, and to tell the labels."""
    asked = predict_pb2.PredictRequest(output_filter=["output_alias", "labels"])
    image = asked.inputs["images"]
    image.dtype = types_pb2.DT_STRING
    image.tensor_shape.dim.add(size=1)
    image.string_val.append(photo)
    return asked


def best(response: predict_pb2.PredictResponse) -> str:
    """The best class, and its score. A model without labels has numbers."""
    scores = array("f", response.outputs["output_alias"].tensor_content)
    winner = max(range(len(scores)), key=scores.__getitem__)
    labels = response.outputs["labels"].string_val if "labels" in response.outputs else ()
    label = labels[winner].decode() if labels else f"class {winner}"
    return f"{label} ({scores[winner]:.2%})"


def explained(error: grpc.RpcError) -> str:
    """The status code and its words: UNAVAILABLE also where the certificate is not trusted."""
    return f"{error.code().name}: {error.details()}"
