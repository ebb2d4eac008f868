"""A replica on a node: what Ray Serve starts there (`localcloud.placing.replica:application`).

Ray Serve places it, looks after it and ends it; calls come to its own server (`server`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from clients.wire import model_package
from clients.wire.model_package import BrainwaveStage, read_package
from localcloud.cluster.credentials import Credentials
from localcloud.placing import told_counts
from localcloud.placing.cache import Cache, folder_of_user
from localcloud.placing.errors import PlacingError
from localcloud.placing.files import FeaturizerFile, Files, read_featurizers, written
from localcloud.placing.scaling import CALLS
from localcloud.placing.server import ReplicaServer
from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.device import Device
from localcloud.scoring.pipeline import Pipeline, load_package
from localcloud.scoring.served import ModelName, ServedModel

DRAIN_S: Final = 15.0
"""How long calls may go on at a replica that ends."""

_FEATURIZERS: Final = "featurizers.json"


class Replica:
    """A replica of a service, whose methods Ray Serve calls.

    Args:
        service_id: the ID of the service.
        digest: SHA-256 of the package's file.
    """

    def __init__(self, service_id: str, digest: str) -> None:
        self._wanted = Wanted(service_id, digest, 1)
        self._credentials = own_credentials()
        self._server: ReplicaServer | None = None

    def reconfigure(self, told: Mapping[str, Any]) -> None:
        """Loads the model and serves it, at first; later where the files are is of no interest.

        Args:
            told: `{"files": "ADDRESS:PORT"}`, where localcloud serves files.

        Raises:
            PlacingError: it cannot be loaded: a sentence on one line, for localcloud's operation.
        """
        if self._server is not None:
            return
        address, _, port = str(told["files"]).rpartition(":")
        try:
            pipeline = load(
                self._wanted.digest, Endpoint(address, int(port)), self._credentials, Cache(folder_of_user())
            )
            model = ServedModel(pipeline, None, ModelName(self._wanted.service_id, 1))
            self._server = ReplicaServer(
                self._wanted.application, self._wanted.service_id, model, _own_address(), self._credentials
            )
        except Exception as error:
            words = str(error) or type(error).__name__
            raise PlacingError(" ".join(words.split())) from None

    def endpoint(self) -> tuple[str, int]:
        """Where it takes calls."""
        return self._serving().endpoint

    def record_autoscaling_stats(self) -> dict[str, float]:
        """The calls under way, which Ray Serve does not see; see `scaling`."""
        return {CALLS: 0 if self._server is None else self._server.under_way()}

    def counts(self) -> dict[str, Any]:
        """The counts of its calls, but for those that a localcloud handed on."""
        return told_counts.written(self._serving().counts.now())

    def check_health(self) -> None:
        """Asks its own server for its health, as a caller would; raises where it does not serve."""
        self._serving().check()

    def __del__(self) -> None:
        """Ends, behind the calls under way: Ray Serve calls it for a replica that is to go."""
        server, self._server = getattr(self, "_server", None), None
        if server is not None:
            server.stop(DRAIN_S)

    def _serving(self) -> ReplicaServer:
        if self._server is None:
            raise PlacingError("The replica has no model yet.")
        return self._server


def application(args: Mapping[str, str]) -> Any:
    """The application for Ray Serve.

    Args:
        args: `service_id` and `digest`.
    """
    from ray import serve

    deployment = serve.deployment(
        Replica,
        # A replica takes a place of its node, and no core of Ray's: the last half is room for an update.
        ray_actor_options={"num_cpus": 0, "resources": {"scoring": 1}},
        health_check_period_s=2,
        health_check_timeout_s=5,
        graceful_shutdown_wait_loop_s=1,
        graceful_shutdown_timeout_s=DRAIN_S + 5,
    )
    return deployment.bind(args["service_id"], args["digest"])


def load(digest: str, files: Endpoint, credentials: Credentials, cache: Cache) -> Pipeline:
    """The pipeline of a package that localcloud has tried, with the featurizers that it names.

    Args:
        digest: SHA-256 of the package's file.
        files: where localcloud serves files; what the node has already needs no localcloud.

    Raises:
        ScoringError: the files cannot be had, or the package cannot be loaded.
        OSError: the cache cannot be written.
    """
    with Files(files, credentials) as source, cache.in_use() as folder:
        package = folder / "package.zip"
        cache.link(digest, package, partial(source.fetch, digest))
        content = package.read_bytes()
        for one in _named(content, source, cache):
            place = folder / "featurizers" / one.digest / "file"
            place.mkdir(parents=True)
            (place / "featurizer.json").write_text(json.dumps(one.described))
            cache.link(one.digest, place / "featurizer.onnx", partial(source.fetch, one.digest))
        return load_package(content, Device(folder / "featurizers"), timeout_s=None)


def _named(content: bytes, source: Files, cache: Cache) -> list[FeaturizerFile]:
    """The featurizers that a package names, as far as localcloud has them."""
    try:
        stages = read_package(content).stages
    except model_package.PackageError as error:
        raise PlacingError(str(error)) from None
    names = {(one.model_ref, one.model_version) for one in stages if isinstance(one, BrainwaveStage)}
    if not names:
        return []
    copy = cache.noted(_FEATURIZERS)
    try:
        told = source.featurizers(waits=copy is None)
    except PlacingError:
        if copy is None:
            raise
        told = read_featurizers(copy)
    else:
        cache.note(_FEATURIZERS, written(told))
    return [one for one in told if (one.model_ref, one.model_version) in names]


def own_credentials() -> Credentials:
    """This node's, as the variables say that Ray has them too.

    Raises:
        PlacingError: Ray runs without them.
    """
    try:
        token, ca = os.environ["RAY_AUTH_TOKEN_PATH"], os.environ["RAY_TLS_CA_CERT"]
    except KeyError as error:
        raise PlacingError(
            f"Ray was started on this node without {error.args[0]}: have it join by `fpga cloud join`."
        ) from None
    return Credentials(Path(token), Path(ca).parent)


def _own_address() -> str:
    import ray

    address: str = ray.util.get_node_ip_address()
    return address
