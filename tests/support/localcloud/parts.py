"""What a localcloud of the tests is made of: the model that users get, and Azurite, once a machine."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from engine import azurite
from engine.report import ConsoleReport
from fpga.cloud import local_cloud
from localcloud.featurizers import BuiltModel
from localcloud.settings import Settings

PACKAGE_HOSTS: Final = ("127.0.0.1",)
"""Tests serve packages by http, on ports of their own."""


@functools.cache
def built_model() -> BuiltModel:
    """The featurizers and the package of the built-in model, made where the cache has none."""
    featurizers, package = local_cloud.build_model(ConsoleReport())
    return BuiltModel(featurizers, package, changed=False)


def settings(data: Path) -> Settings:
    """Of a localcloud with all its parts."""
    parts = azurite.ensure(ConsoleReport())
    return Settings(
        data=data,
        featurizers=built_model().featurizers,
        node=parts.node,
        azurite=parts.package,
        package_hosts=PACKAGE_HOSTS,
    )
