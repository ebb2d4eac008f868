"""The default model as stacks have it that were deployed before packages had labels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpga.stacks.stack import Stack


@functools.cache
def known_labels(stack: Stack, service: str = "") -> Sequence[str]:
    """ImageNet's labels if the stack's state has that model; else none, whatever number of classes it has.

    Args:
        service: the logical name of the one of several services that runs it.
    """
    from fpga.stacks.service_resources import model_of
    from infra import catalogue
    from infra.inputs.model_package import UNLABELLED_DEFAULT
    from localcloud.featurizers.imagenet import imagenet_labels

    resources = stack.resources()
    models = [resource for resource in resources if resource.get("type") == catalogue.MODEL.token]
    if service:
        models = [model for model in (model_of(resources, service),) if model is not None]
    if all(model.get("inputs", {}).get("sha256") == UNLABELLED_DEFAULT for model in models) and models:
        return imagenet_labels()
    return ()
