"""What the tests of scoring are made of: the real model, certificates, a bare gRPC caller."""

from __future__ import annotations

import functools
import io
import json
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto as OnnxTensor
from onnx import helper, numpy_helper

from clients.wire.messages import PredictRequest, PredictResponse
from clients.wire.tensorflow_serving import METHOD, tensor_from_bytes
from localcloud.scoring.addresses import AddressPool, Endpoint
from localcloud.scoring.device import Device
from localcloud.scoring.pipeline import Pipeline, load_package
from localcloud.scoring.served import ModelName
from localcloud.scoring.tls import TlsMaterial
from tests.support.certificates.authority import Authority
from tests.support.localcloud.parts import built_model

PHOTO = Path(__file__).parents[3] / "samples" / "espresso.jpg"
ESPRESSO = 967
SERVER_NAME = "scoring.example.com"
MODEL = ModelName("classifier", 3)
PRIMARY, SECONDARY = "primary-key-of-the-service", "secondary-key-of-the-service"


@functools.cache
def device() -> Device:
    return Device(built_model().featurizers)


def package(files: Mapping[str, bytes | str] | None = None) -> bytes:
    """A zip of these files; of the real model package where none are given."""
    if files is None:
        files = {path.name: path.read_bytes() for path in built_model().package.iterdir()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@functools.cache
def real_pipeline() -> Pipeline:
    """The pipeline of that package, loaded once for all tests of a process."""
    return load_package(package(), device())


def definition(*stages: object, **others: object) -> str:
    return json.dumps({"aml_runtime_version": "1.1", "pipeline": list(stages), **others})


def brainwave(**changes: object) -> dict[str, object]:
    stage = {
        "type": "brainwave",
        "model_ref": "efficientnet-lite0",
        "model_version": "1.0.0",
        "output_tensor_dims": [1, 1, 1280],
    }
    return stage | changes


def onnx_stage(**changes: object) -> dict[str, object]:
    stage = {"type": "onnx", "model_path": "m.onnx", "input_tensor": "x", "output_tensor": "y"}
    return stage | changes


def tiny_model(
    operator: str, source: list[Any], result: list[Any], element: int = OnnxTensor.FLOAT, **attributes: Any
) -> bytes:
    """An ONNX model of one operator from `x` to `y`."""
    inputs = [helper.make_tensor_value_info("x", element, source)]
    outputs = [helper.make_tensor_value_info("y", element, result)]
    node = helper.make_node(operator, ["x"], ["y"], **attributes)
    graph = helper.make_graph([node], "tiny", inputs, outputs)
    return _serialized(graph)


def constant_classifier(
    scores: list[float], features: int = 1280, source: Sequence[int | str] = ("n", 1, 1, 1280)
) -> bytes:
    """An ONNX classifier of so many features that always gives the same scores."""
    weight = np.zeros((features, len(scores)), dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["y"]),
        ],
        "constant",
        [helper.make_tensor_value_info("x", OnnxTensor.FLOAT, source)],
        [helper.make_tensor_value_info("y", OnnxTensor.FLOAT, ["n", len(scores)])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array(scores, dtype=np.float32), "bias"),
        ],
    )
    return _serialized(graph)


def sklearn_classifier(
    source: Sequence[int | str] = ("n", 1280),
    *,
    classes: Sequence[str] | Sequence[int] = ("cat", "dog", "fox"),
    zipmap: bool = True,
    element: int = OnnxTensor.FLOAT,
) -> bytes:
    """A classifier in the form that skl2onnx gives one: labels first, then a map of probabilities by class.

    It always gives 0.2, 0.3 and 0.5 for its three classes.
    """
    texts = isinstance(classes[0], str)
    named: dict[str, Any] = {"classlabels_strings" if texts else "classlabels_int64s": classes}
    told: dict[str, Any] = {"classlabels_strings" if texts else "classlabels_ints": classes}
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["X"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            coefficients=[0.0] * 1280 * 3,
            intercepts=[0.2, 0.3, 0.5],
            post_transform="NONE",
            **told,
        ),
    ]
    label = OnnxTensor.STRING if texts else OnnxTensor.INT64
    outputs = [helper.make_tensor_value_info("label", label, ["n"])]
    if zipmap:
        nodes.append(
            helper.make_node(
                "ZipMap", ["probabilities"], ["output_probability"], domain="ai.onnx.ml", **named
            )
        )
        image = helper.make_map_type_proto(label, helper.make_tensor_type_proto(OnnxTensor.FLOAT, None))
        outputs.append(helper.make_value_info("output_probability", helper.make_sequence_type_proto(image)))
    else:
        outputs.append(helper.make_tensor_value_info("probabilities", OnnxTensor.FLOAT, ["n", 3]))
    graph = helper.make_graph(
        nodes, "sklearn", [helper.make_tensor_value_info("X", element, source)], outputs
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    content: bytes = helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()
    return content


def centroid_classifier(centroids: npt.NDArray[np.float32]) -> bytes:
    """A classifier of the nearest of some features, whose probabilities come as a map by class."""
    bias = -0.5 * (centroids**2).sum(axis=1)
    image = helper.make_map_type_proto(
        OnnxTensor.INT64, helper.make_tensor_type_proto(OnnxTensor.FLOAT, None)
    )
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "weight", "bias"], ["logits"], transB=1),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node(
                "ZipMap",
                ["probabilities"],
                ["output_probability"],
                domain="ai.onnx.ml",
                classlabels_int64s=list(range(len(centroids))),
            ),
        ],
        "centroids",
        [helper.make_tensor_value_info("x", OnnxTensor.FLOAT, ["n", centroids.shape[1]])],
        [helper.make_value_info("output_probability", helper.make_sequence_type_proto(image))],
        [numpy_helper.from_array(centroids, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    content: bytes = helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()
    return content


def model_with_weights_outside(location: str) -> bytes:
    """An ONNX model that gives three numbers out of a file of the machine that it runs on."""
    weights = OnnxTensor(name="weights", data_type=OnnxTensor.FLOAT, dims=[3])
    weights.data_location = OnnxTensor.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        weights.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMax", ["x"], ["least"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Unsqueeze", ["least", "axes"], ["column"]),
            helper.make_node("Max", ["column", "weights"], ["y"]),
        ],
        "outside",
        [helper.make_tensor_value_info("x", OnnxTensor.FLOAT, ["n", 1, 1, 1280])],
        [helper.make_tensor_value_info("y", OnnxTensor.FLOAT, ["n", 3])],
        [weights, numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")],
    )
    return _serialized(graph)


def endless_model(source: list[Any]) -> bytes:
    """An ONNX model with a loop that nothing ends."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", OnnxTensor.INT64, []),
            helper.make_tensor_value_info("go", OnnxTensor.BOOL, []),
            helper.make_tensor_value_info("v", OnnxTensor.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", OnnxTensor.BOOL, []),
            helper.make_tensor_value_info("w", OnnxTensor.FLOAT, None),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)],
        "endless",
        [helper.make_tensor_value_info("x", OnnxTensor.FLOAT, source)],
        [helper.make_tensor_value_info("y", OnnxTensor.FLOAT, source)],
        [helper.make_tensor("true", OnnxTensor.BOOL, [], [True])],
    )
    return _serialized(graph)


def folded_model(size: int, products: int = 0) -> bytes:
    """An ONNX model that onnxruntime takes time and memory to load, and not to run.

    A constant of `size` times `size` floats, and so many products of it, become a number at the load.
    """
    nodes = [
        helper.make_node(
            "ConstantOfShape",
            ["shape"],
            ["product0"],
            value=helper.make_tensor("value", OnnxTensor.FLOAT, [1], [1e-4]),
        )
    ]
    nodes += [
        helper.make_node("MatMul", [f"product{i}", "product0"], [f"product{i + 1}"]) for i in range(products)
    ]
    nodes += [
        helper.make_node("ReduceMean", [f"product{products}"], ["number"], keepdims=0),
        helper.make_node("ReduceMean", ["x"], ["colours"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["colours", "number"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "folded",
        [helper.make_tensor_value_info("x", OnnxTensor.FLOAT, ["n", 4, 4, 3])],
        [helper.make_tensor_value_info("y", OnnxTensor.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array([size, size], dtype=np.int64), "shape")],
    )
    return _serialized(graph)


def _serialized(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def free_endpoint() -> Endpoint:
    """An address of its own, as services get them, far from those of a localcloud that may run."""
    pool = AddressPool("127.90.0.0/16", 50051)
    return pool.choose((), secrets.randbelow(pool.size))[0]


def tls_material(authority: Authority, key: Any = None) -> TlsMaterial:
    """A certificate for `SERVER_NAME`, and its key."""
    issued = authority.issue([SERVER_NAME], key=key)
    return TlsMaterial(issued.pem, issued.key_pem)


@contextmanager
def channel(endpoint: Endpoint, root_pem: bytes | None = None) -> Iterator[grpc.Channel]:
    """A new connection to a service; with TLS where a root is given."""
    target = f"{endpoint.address}:{endpoint.port}"
    # Without a pool of its own, gRPC would use a connection again that another channel to the target made.
    own: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
    ]
    if root_pem is None:
        opened = grpc.insecure_channel(target, options=own)
    else:
        credentials = grpc.ssl_channel_credentials(root_pem)
        named = ("grpc.ssl_target_name_override", SERVER_NAME)
        opened = grpc.secure_channel(target, credentials, options=[*own, named])
    with opened:
        yield opened


def photo_request() -> PredictRequest:
    request = PredictRequest()
    request.inputs["images"].CopyFrom(tensor_from_bytes([PHOTO.read_bytes()]))
    return request


def predict(
    opened: grpc.Channel, request: PredictRequest | bytes, authorization: str | None = None
) -> PredictResponse:
    """One call; raises grpc.RpcError."""
    metadata = (("authorization", authorization),) if authorization is not None else ()
    return _method(opened)(_message(request), timeout=20, metadata=metadata)


def _method(opened: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, PredictResponse]:
    return opened.unary_unary(METHOD, bytes, PredictResponse.FromString)


def _message(request: PredictRequest | bytes) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()
