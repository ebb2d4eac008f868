"""The featurizers that localcloud has built in: what packages of this project may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class BuiltIn:
    """A featurizer: images in, features out.

    Attributes:
        input_tensor_dims: height, width and channels of one image.
        output_tensor_dims: the shape of one image's features.
    """

    model_ref: str
    model_version: str
    input_tensor_dims: tuple[int, int, int]
    output_tensor_dims: tuple[int, ...]


EFFICIENTNET_LITE0: Final = BuiltIn("efficientnet-lite0", "1.0.0", (224, 224, 3), (1, 1, 1280))
BUILT_IN: Final = (EFFICIENTNET_LITE0,)
