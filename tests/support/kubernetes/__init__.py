"""The schemas of Kubernetes's API, as far as its server checks an object by them before it takes it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from tests.support.kubernetes import custom


def problems(manifest: dict[str, Any]) -> list[str]:
    """What the API's schema refuses of an object, a sentence each; a field that it does not know is refused.

    Raises:
        KeyError: there is no schema of its kind here.
    """
    definitions = _definitions()
    kind = f"{manifest['apiVersion']}/{manifest['kind']}"
    schema = {"$ref": f"#/$defs/{kind.replace('/', '~1')}", "$defs": definitions}
    if kind not in definitions:
        raise KeyError(kind)
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message}" for error in found]


@functools.cache
def _definitions() -> dict[str, Any]:
    content = json.loads((Path(__file__).parent / "kubernetes.json").read_text())
    return {**content["$defs"], **custom.SCHEMAS}
