"""The device that stands for the FPGA: built-in featurizers, and every model in memory, loaded once."""

from __future__ import annotations

import hashlib
import json
import threading
import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.wire.model_package import BrainwaveStage, PackageError
from clients.wire.onnx_model import Model
from clients.wire.trial import no_featurizer
from localcloud.scoring import execution_providers


@dataclass(frozen=True)
class Featurizer:
    """A built-in featurizer: images in, pooled features out."""

    model_ref: str
    model_version: str
    input_tensor: str
    output_tensor: str
    output_tensor_dims: tuple[int, ...]
    path: Path


class Device:
    """The featurizers in a folder, and the models in memory, each loaded once at its first use.

    Args:
        featurizers: folder with `MODEL_REF/MODEL_VERSION/featurizer.json` and `featurizer.onnx`.
        providers: what runs the models, by the names of `execution_providers`.
    """

    def __init__(self, featurizers: Path, providers: Sequence[str] = execution_providers.DEFAULT) -> None:
        self.folder = featurizers
        self.providers = tuple(providers)
        self._featurizers: list[Featurizer] = []
        self._lock = threading.Lock()
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by file
        self._loaded: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()

    def featurizers(self) -> list[Featurizer]:
        """The featurizers that the device has, by name and version; read once."""
        if not self._featurizers:
            self._featurizers = [
                _featurizer(path) for path in sorted(self.folder.glob("*/*/featurizer.json"))
            ]
        return self._featurizers

    def featurizer(self, stage: BrainwaveStage) -> Featurizer:
        """Raises PackageError, naming what there is, where the device has not what the stage asks for."""
        available = self.featurizers()
        for featurizer in available:
            if (featurizer.model_ref, featurizer.model_version) == (stage.model_ref, stage.model_version):
                return featurizer
        names = ", ".join(f"{one.model_ref} {one.model_version}" for one in available) or "none"
        raise PackageError(no_featurizer(stage, names))

    def load(self, source: bytes | Path) -> Model:
        """A model that is shared by all who load the same file, for as long as one of them holds it.

        Raises:
            PackageError: onnxruntime cannot load it.
        """
        key = str(source) if isinstance(source, Path) else hashlib.sha256(source).hexdigest()
        with self._lock:
            loading = self._loading[key]
        with loading:  # who loads another file does not wait
            model = self._loaded.get(key)
            if model is None:
                model = Model(source, execution_providers.known_to_onnxruntime(self.providers))
                with self._lock:
                    self._loaded[key] = model
            return model


def _featurizer(path: Path) -> Featurizer:
    described: dict[str, Any] = json.loads(path.read_text())
    return Featurizer(
        model_ref=described["model_ref"],
        model_version=described["model_version"],
        input_tensor=described["input_tensor"],
        output_tensor=described["output_tensor"],
        output_tensor_dims=tuple(described["output_tensor_dims"]),
        path=path.with_name("featurizer.onnx"),
    )
