"""The data plane described, from what its own Swagger 2.0 document says of it. Pure."""

from __future__ import annotations

from typing import Any, Final

from localcloud.modelmanagement import swagger
from localcloud.modelmanagement.api import ACCOUNT
from localcloud.openapi.parts import Shape, operation, or_null

_TOLD: Final = swagger.document("", "")
_BEYOND_QUOTA: Final = ("Services_Create", "Services_Update", "Services_Patch")
"""Those that are refused with 412 where the account's capacity, or the machine, has no room for a service."""
_VERBS: Final = frozenset({"get", "put", "patch", "post", "delete"})


def _shape(told: Any) -> Any:
    """A shape of Swagger 2.0 as OpenAPI 3.1 has it."""
    if isinstance(told, list):
        return [_shape(inner) for inner in told]
    if not isinstance(told, dict):
        return told
    made = {key: _shape(inner) for key, inner in told.items() if key != "x-nullable"}
    if "$ref" in made:
        return {"$ref": made["$ref"].replace("#/definitions/", "#/components/schemas/")}
    return or_null(made) if told.get("x-nullable") else made


def _name(told: dict[str, Any]) -> str | None:
    return told["schema"]["$ref"].rpartition("/")[2] if "schema" in told else None


def _parameter(told: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in told:
        told = _TOLD["parameters"][told["$ref"].rpartition("/")[2]]
    shape = {key: value for key, value in told.items() if key not in ("name", "in", "required")}
    return {"name": told["name"], "in": told["in"], "required": told.get("required", False), "schema": shape}


def _operation(verb: str, told: dict[str, Any]) -> dict[str, Any]:
    bodies = [parameter for parameter in told["parameters"] if parameter.get("in") == "body"]
    answers = {int(status): _name(one) for status, one in told["responses"].items() if status != "default"}
    made = operation(
        told["operationId"],
        answers,
        *(_parameter(parameter) for parameter in told["parameters"] if parameter.get("in") != "body"),
        body=_name(bodies[0]) if bodies else None,
        body_may_miss=bool(bodies) and not bodies[0]["required"],
        changes=verb != "get",
        refused=(412,) if told["operationId"] in _BEYOND_QUOTA else (),
    )
    for status, one in told["responses"].items():
        for name, shape in one.get("headers", {}).items():
            made["responses"][status]["headers"][name] = {"required": True, "schema": shape}
    return made


PATHS: Final[dict[str, dict[str, Any]]] = {
    ACCOUNT + path: {verb: _operation(verb, told) for verb, told in verbs.items() if verb in _VERBS}
    for path, verbs in _TOLD["paths"].items()
} | {ACCOUNT + "/swagger.json": {"get": operation("Swagger_Get", {200: "Swagger"})}}
_ASKED: Final = ("ModelRegistration", "ServiceCreation", "ServiceChange", "ServicePatch", "KeyType")
_SHAPES: Final[dict[str, Shape]] = {name: _shape(told) for name, told in _TOLD["definitions"].items()}
REQUESTS: Final = {name: shape for name, shape in _SHAPES.items() if name in _ASKED}
ANSWERS: Final = {
    "Swagger": {"type": "object", "description": "The data plane alone, in Swagger 2.0."},
    **{name: shape for name, shape in _SHAPES.items() if name not in _ASKED},
}
