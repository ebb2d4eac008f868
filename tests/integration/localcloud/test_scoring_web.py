"""A service over HTTP, in TensorFlow Serving's REST shape: real TLS, real requests, the real model."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clients.wire.tensorflow_serving import array_from_tensor
from localcloud.scoring import calls as all_calls
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.calls import Calls
from localcloud.scoring.host import Deployment, ScoringHost
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.scorer import Scorer
from localcloud.scoring.tls import TlsMaterial
from localcloud.scoring.web import app
from surroundings.tls import client_context
from tests.support.certificates.authority import Authority
from tests.support.localcloud.scoring_parts import (
    ESPRESSO,
    MODEL,
    PHOTO,
    PRIMARY,
    SECONDARY,
    SERVER_NAME,
    channel,
    free_endpoint,
    photo_request,
    predict,
    real_pipeline,
    tls_material,
)
from tests.support.waiting import PATIENCE_S, wait_until

B64 = {"b64": base64.b64encode(PHOTO.read_bytes()).decode()}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def host(calls: Calls) -> Iterator[ScoringHost]:
    scoring = ScoringHost(calls)
    yield scoring
    scoring.stop()


@dataclass(frozen=True)
class Told:
    """An answer."""

    status_code: int
    named: Mapping[str, str]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.named.items()}

    def json(self) -> Any:
        return loads(self.body)


class Caller:
    """Calls of one service over HTTP."""

    def __init__(self, host: ScoringHost, tls: TlsMaterial | None, root: Path | None) -> None:
        self.host, self.tls, self.root = host, tls, root
        self.service = "service" if tls is None else "secure"
        self.grpc = free_endpoint()
        with socket.create_server((self.grpc.address, 0)) as probe:
            self.endpoint = Endpoint(self.grpc.address, probe.getsockname()[1])
        self.deploy(real_pipeline(), tls)

    def deploy(self, model: Pipeline | Future[Scorer], tls: TlsMaterial | None) -> None:
        port = self.endpoint.port
        self.host.deploy(Deployment(self.service, *self.grpc, model, tls, PRIMARY, SECONDARY, MODEL, port))

    def __call__(
        self,
        method: str,
        path: str,
        key: str | None = PRIMARY,
        json: object = None,
        data: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        with closing(self.connection()) as opened:
            return self.over(opened, method, path, key, json, data, headers)

    def connection(self) -> HTTPConnection:
        """A connection by the service's name, which the certificate is for."""
        if self.root is None:
            return HTTPConnection(*self.endpoint, timeout=60)
        context = client_context(cafile=self.root)
        opened = HTTPSConnection(SERVER_NAME, timeout=60, context=context)
        raw = socket.create_connection(self.endpoint, timeout=60)
        opened.sock = context.wrap_socket(raw, server_hostname=SERVER_NAME)
        return opened

    def over(
        self,
        opened: HTTPConnection,
        method: str,
        path: str,
        key: str | None = PRIMARY,
        json: object = None,
        data: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        sent = {**(headers or {}), **({} if key is None else {"Authorization": key})}
        opened.request(method, path, data if json is None else dumps(json), sent)
        response = opened.getresponse()
        return Told(response.status, dict(response.headers.items()), response.read())

    def predict(self, body: object, **options: Any) -> Told:
        return self("POST", "/v1/models/classifier:predict", json=body, **options)


@pytest.fixture
def secure(host: ScoringHost, authority: Authority, tmp_path: Path) -> Caller:
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root)
    return Caller(host, tls_material(authority), root)


@pytest.fixture
def plain(host: ScoringHost) -> Caller:
    return Caller(host, None, None)


def best(scores: list[float]) -> int:
    return int(np.argmax(scores))


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [B64]},
        {"instances": [{"images": B64}]},
        {"instances": [B64, B64], "signature_name": "serving_default"},
    ],
)
def test_images_in_rows_are_scored_as_over_grpc(plain: Caller, body: dict[str, Any]) -> None:
    told = plain.predict(body)
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    rows = told.json()["predictions"]
    assert [best(row) for row in rows] == [ESPRESSO] * len(body["instances"])
    with channel(plain.grpc) as opened:
        direct = predict(opened, photo_request())
    np.testing.assert_allclose(rows[0], array_from_tensor(direct.outputs["output_alias"])[0], rtol=1e-6)


@pytest.mark.parametrize("inputs", [{"images": B64}, {"images": [B64]}, [B64], B64])
def test_images_in_columns_are_scored(plain: Caller, inputs: object) -> None:
    [row] = plain.predict({"inputs": inputs}).json()["outputs"]
    assert best(row) == ESPRESSO


def test_labels_come_with_columns(plain: Caller) -> None:
    body = {"inputs": {"images": B64}, "output_filter": ["output_alias", "labels"]}
    outputs = plain.predict(body).json()["outputs"]
    assert outputs["labels"][best(outputs["output_alias"][0])] == "espresso"


@pytest.mark.parametrize("by", ["instances", "inputs"])
def test_pixels_are_scored(plain: Caller, by: str) -> None:
    pixels = np.zeros((1, 224, 224, 3)).astype(int).tolist()
    told = plain.predict({by: pixels, "signature_name": "pixels"})
    assert told.status_code == 200, told.body
    [row] = told.json()["predictions" if by == "instances" else "outputs"]
    np.testing.assert_allclose(row, real_pipeline().run(np.zeros((1, 224, 224, 3), np.float32))[0], rtol=1e-5)


@pytest.mark.parametrize("key", [PRIMARY, SECONDARY, f"Bearer {PRIMARY}"])
def test_either_key_opens_it(secure: Caller, key: str) -> None:
    assert best(secure.predict({"instances": [B64]}, key=key).json()["predictions"][0]) == ESPRESSO


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "This service wants its primary or secondary key in the header 'authorization'"),
        ("wrong", "The key in the header 'authorization' is neither the primary nor the secondary key."),
    ],
)
@pytest.mark.parametrize("path", ["", ":predict", "/metadata", "/versions/1"])
def test_without_a_right_key_nothing_is_told(secure: Caller, path: str, key: str | None, words: str) -> None:
    method = "POST" if path == ":predict" else "GET"
    told = secure(method, f"/v1/models/classifier{path}", key=key, json={})
    assert told.status_code == 401
    assert told.headers["www-authenticate"] == "Bearer"
    assert told.json()["error"].startswith(words)


def test_who_guesses_keys_is_counted_as_over_grpc(secure: Caller, calls: Calls) -> None:
    assert secure("GET", "/v1/models/x", key="no").status_code == 401
    assert calls.wrong_keys._connections["secure"].guessing


def test_the_model_tells_its_state_and_what_it_takes(secure: Caller) -> None:
    state = secure("GET", "/v1/models/classifier").json()
    assert state == {
        "model_version_status": [
            {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    told = secure("GET", "/v1/models/classifier/versions/3/metadata").json()
    assert told["model_spec"]["name"] == "classifier"
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["images"]["dtype"] == "DT_STRING"
    assert signatures["pixels"]["inputs"]["images"]["tensor_shape"]["dim"][0]["size"] == "-1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "The request is no JSON"),
        ("[1]", "The request is no JSON object"),
        ("{", "The request is no JSON"),
        ("[" * 400_000, "The request is nested too deeply."),
        ("[" * 600_000, "The request has more than 500000 values"),
        (b"\xff\xfe", "The request is no JSON"),
        ('{"x": 1, "instances": []}', "The request has x; it may have inputs, instances,"),
        ("{}", "The request has to have either instances or inputs."),
        ('{"instances": [], "inputs": []}', "The request has to have either instances or inputs."),
        ('{"instances": []}', "instances: a list is expected, of an image or more."),
        ('{"instances": {"b64": "aa"}}', "instances: a list is expected, of an image or more."),
        ('{"instances": [{"image": {"b64": "aa"}}]}', "instances: this service takes one input, 'images'"),
        ('{"instances": [{"b64": "a"}]}', "instances: b64 holds no base64"),
        ('{"instances": [{"b64": 7}]}', "instances: b64 holds no base64"),
        ('{"instances": [{"b64": "YWJj"}]}', "The image cannot be read as JPEG"),
        ('{"instances": ["a"]}', "instances: neither image files"),
        ('{"instances": [[1, [2]]]}', "instances: neither image files"),
        ('{"instances": [[[1, 2, 3]]]}', "images has the shape [1, 1, 3]"),
        ('{"inputs": {"images": [[[[NaN, 1, 2]]]]}}', "images has the shape [1, 1, 1, 3]"),
        ('{"inputs": null}', "inputs: neither image files"),
        ('{"inputs": {"images": 5}}', "inputs: neither image files"),
        (
            '{"inputs": [], "signature_name": "other"}',
            "signature_name: there are serving_default and pixels.",
        ),
        ('{"inputs": [], "output_filter": ["x"]}', "output_filter: a list of names is expected"),
        ('{"instances": [1], "output_filter": ["labels"]}', "output_filter: labels are the model's"),
        (dumps({"instances": [{"b64": ""}] * 33}), "instances: 33 images came; a request takes 32."),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(plain: Caller, body: str | bytes, words: str) -> None:
    told = plain("POST", "/v1/models/m:predict", data=body)
    assert told.status_code == 400
    error = told.json()["error"]
    assert error.startswith(words)
    assert best(plain.predict({"instances": [B64]}).json()["predictions"][0]) == ESPRESSO


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/", 404, "There is POST /v1/models/NAME:predict, GET /v1/models/NAME and"),
        ("GET", "/v1/models", 404, "There is POST"),
        ("POST", "/v1/models/m:classify", 404, "There is POST"),
        ("GET", "/v1/models/m:predict", 405, "GET is not taken here; POST is."),
        ("DELETE", "/v1/models/m", 405, "DELETE is not taken here; GET is."),
        ("OPTIONS", "/v1/models/m", 405, "OPTIONS is not taken here; GET is."),
    ],
)
def test_other_paths_and_methods_are_refused(
    plain: Caller, method: str, path: str, status: int, words: str
) -> None:
    told = plain(method, path)
    assert told.status_code == status
    assert told.json()["error"].startswith(words)


def raw(caller: Caller, head: str, body: bytes = b"") -> bytes:
    with socket.create_connection(caller.endpoint, timeout=30) as connection:
        connection.sendall(head.encode() + body)
        return connection.makefile("rb").read()


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (f"Content-Length: {app.BODY_LIMIT + 1}", b"413"),
        ("Content-Length: 999999999999999999999999", b"4"),
        ("Transfer-Encoding: chunked", b"411"),
    ],
)
def test_a_length_is_declared_and_bounded(plain: Caller, length: str, status: bytes) -> None:
    head = f"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n"
    assert raw(plain, head).split(b" ")[1].startswith(status)


@contextmanager
def connections(caller: Caller, number: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing yet."""
    with ExitStack() as stack:
        opened = (socket.create_connection(caller.endpoint, timeout=30) for _ in range(number))
        yield [stack.enter_context(one) for one in opened]


def test_bodies_on_their_way_are_bounded(plain: Caller, calls: Calls) -> None:
    head = "POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
    with connections(plain, all_calls.WEB.peer) as held:
        for connection in held:
            connection.sendall(head.encode())
        wait_until(lambda: calls._web._total == all_calls.WEB.peer)
        told = plain.predict({"instances": [B64]})
        assert told.status_code == 429
        assert told.json()["error"].startswith(f"{all_calls.WEB.peer} calls of yours are being worked on")
        with channel(plain.grpc) as opened:
            predict(opened, photo_request())
    wait_until(lambda: not calls._web._total)
    assert plain.predict({"instances": [B64]}).status_code == 200


class Gated(Pipeline):
    """The real pipeline, which waits until it is told to go on."""

    def __init__(self, opened: threading.Event) -> None:
        super().__init__(real_pipeline()._steps, real_pipeline().height, real_pipeline().width)
        self.opened, self.began = opened, threading.Event()

    def score(self, images: Any) -> Any:
        self.began.set()
        assert self.opened.wait(PATIENCE_S)
        return super().score(images)


def test_a_caller_who_hangs_up_is_not_computed(host: ScoringHost, plain: Caller, calls: Calls) -> None:
    opened = threading.Event()
    gated = Gated(opened)
    plain.deploy(gated, None)
    body = dumps({"instances": [B64]}).encode()
    head = f"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with connections(plain, 12) as many:
        for connection in many:
            connection.sendall(head + body)
        wait_until(lambda: calls._web._total == 12)
    wait_until(lambda: not calls.turns._queues)
    opened.set()
    wait_until(lambda: not calls._web._total)


def test_a_request_under_way_ends_with_what_it_began_with(host: ScoringHost, plain: Caller) -> None:
    opened = threading.Event()
    gated = Gated(opened)
    plain.deploy(gated, None)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(plain.predict, {"instances": [B64]})
        assert gated.began.wait(30)
        removal = pool.submit(host.remove, "service")
        wait_until(lambda: not _listens(plain.endpoint))
        opened.set()
        assert answer.result(30).status_code == 200
        removal.result(30)


def test_a_connection_that_is_kept_is_told_of_the_end_with_an_answer(
    host: ScoringHost, plain: Caller
) -> None:
    opened = threading.Event()
    gated = Gated(opened)
    plain.deploy(gated, None)
    with ThreadPoolExecutor(2) as pool, closing(plain.connection()) as kept, ExitStack() as end:
        end.callback(opened.set)
        assert "connection" not in plain.over(kept, "GET", "/v1/models/x").headers
        answer = pool.submit(plain.predict, {"instances": [B64]})
        assert gated.began.wait(PATIENCE_S)
        removal = pool.submit(host.stop, PATIENCE_S)
        wait_until(lambda: not _listens(plain.endpoint))
        late = plain.over(kept, "GET", "/v1/models/x")
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        opened.set()
        found = answer.result(PATIENCE_S)
        assert (found.status_code, found.headers["connection"]) == (200, "close")
        removal.result(PATIENCE_S)


def _listens(endpoint: Endpoint) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(endpoint) == 0


def test_an_idle_connection_delays_no_end(host: ScoringHost, secure: Caller) -> None:
    with closing(secure.connection()) as opened:
        assert secure.over(opened, "GET", "/v1/models/x").status_code == 200
        began = time.monotonic()
        host.remove("secure")
        assert time.monotonic() - began < 4


def test_a_model_that_is_loading_says_so(plain: Caller) -> None:
    loading: Future[Scorer] = Future()
    plain.deploy(loading, None)
    told = plain.predict({"instances": [B64]})
    assert (told.status_code, told.headers["retry-after"]) == (503, "2")
    assert told.json()["error"] == "The model is still being loaded: call again in some seconds."
    assert plain("GET", "/v1/models/m").json()["model_version_status"][0]["state"] == "LOADING"
    loading.set_result(real_pipeline())
    assert plain.predict({"instances": [B64]}).status_code == 200


def test_a_model_that_gives_no_numbers_fails_in_words(plain: Caller) -> None:
    class Broken(Pipeline):
        def run(self, images: Any) -> Any:
            return np.full((1, 3), np.nan, dtype=np.float32)

    pipeline = real_pipeline()
    plain.deploy(Broken(pipeline._steps, pipeline.height, pipeline.width), None)
    told = plain.predict({"instances": [B64]})
    assert (told.status_code, told.json()) == (500, {"error": "The model failed on this request."})


def test_certificate_and_keys_follow_without_a_new_listener(
    host: ScoringHost, secure: Caller, authority: Authority
) -> None:
    other = Authority()
    both = secure.root
    assert both is not None
    both.write_bytes(authority.root + other.root)
    assert secure("GET", "/v1/models/m").status_code == 200
    secure.deploy(real_pipeline(), tls_material(other))
    both.write_bytes(other.root)
    assert secure("GET", "/v1/models/m").status_code == 200
    host.set_keys("secure", "new-primary", "new-secondary")
    assert secure("GET", "/v1/models/m").status_code == 401
    assert secure("GET", "/v1/models/m", key="new-secondary").status_code == 200


def test_ssl_off_and_on_again(host: ScoringHost, secure: Caller) -> None:
    secure.deploy(real_pipeline(), None)
    with closing(HTTPConnection(*secure.endpoint, timeout=30)) as opened:
        assert secure.over(opened, "GET", "/v1/models/m", key=None).status_code == 200
    secure.deploy(real_pipeline(), secure.tls)
    assert secure("GET", "/v1/models/m").status_code == 200


def test_pages_of_other_origins_may_call_with_a_key(secure: Caller, plain: Caller) -> None:
    asked = secure("OPTIONS", "/v1/models/m:predict", key=None, headers={"Origin": "https://a.example"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
    assert secure("GET", "/v1/models/m").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in plain("GET", "/v1/models/m").headers


def test_a_port_that_is_taken_costs_the_service_nothing(
    host: ScoringHost, caplog: pytest.LogCaptureFixture
) -> None:
    where = free_endpoint()
    with socket.create_server((where.address, 0)) as taken:
        port = taken.getsockname()[1]
        host.deploy(Deployment("service", *where, real_pipeline(), None, PRIMARY, SECONDARY, MODEL, port))
        with channel(where) as opened:
            predict(opened, photo_request())
    assert f"service service does not answer HTTP at {where.address}:{port}" in caplog.text


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_calls_it_by_name_with_a_root(secure: Caller, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(dumps({"instances": [B64]}))
    (tmp_path / "key").write_text(f"Authorization: Bearer {PRIMARY}\n")
    address, port = secure.endpoint
    command = ["curl", "--silent", "--show-error", "--cacert", str(secure.root), "--header", "@key"]
    command += ["--connect-to", f"{SERVER_NAME}:{port}:{address}:{port}", "--data", "@request.json"]
    command.append(f"https://{SERVER_NAME}:{port}/v1/models/classifier:predict")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert best(loads(done.stdout)["predictions"][0]) == ESPRESSO
