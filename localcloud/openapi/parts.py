"""The parts that a description is put together from: shapes of JSON, and operations with their answers. Pure.

Source: OpenAPI Specification 3.1, whose shapes are JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any, Final

Shape = dict[str, Any]

TEXT: Final[Shape] = {"type": "string"}
FLAG: Final[Shape] = {"type": "boolean"}
TIME: Final[Shape] = {"type": "string", "format": "date-time"}
UUID: Final[Shape] = {"type": "string", "format": "uuid"}

REQUEST_ID_HEADERS: Final = ("x-ms-request-id", "x-ms-correlation-request-id")
"""On every answer."""
_REFUSED: Final = {
    400: "The request is wrong; the message says what it should be.",
    401: "There is no token, or none of this tenant's.",
    403: "No role of who asks permits it over that scope; nothing was changed.",
    404: "What the path names is not there, or the group, account or zone that it would be in.",
    409: "It does not fit what is there.",
    412: "If-Match or If-None-Match does not hold.",
    413: "The body is too large.",
    503: "It cannot be done now; nothing was changed. Retry-After says when to ask again.",
    507: "The disk of the data folder is full; nothing was changed.",
}
_OF_EVERY_OPERATION: Final = (400, 401, 403, 404, 413, 503)
_OF_EVERY_CHANGE: Final = (*_OF_EVERY_OPERATION, 409, 507)


def whole(least: int, most: int) -> Shape:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*values: str) -> Shape:
    """One of a few texts."""
    return {"type": "string", "enum": list(values)}


def texts(**limits: int) -> Shape:
    """An object whose values are texts, such as tags."""
    return {"type": "object", "additionalProperties": TEXT, **limits}


def array(items: Shape, **limits: int) -> Shape:
    """An array."""
    return {"type": "array", "items": items, **limits}


def or_null(shape: Shape) -> Shape:
    """A shape, or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def record(required: str = "", **properties: Shape) -> Shape:
    """An object; `required` names properties that must be there, divided by spaces."""
    made: Shape = {"type": "object", "properties": properties}
    return made | {"required": required.split()} if required else made


def ref(name: str) -> Shape:
    """The shape of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def page(item: str) -> Shape:
    """A page of a list; `nextLink` is there where there are more."""
    return record("value", value=array(ref(item)), nextLink={"type": "string", "format": "uri"})


def query(name: str, shape: Shape = TEXT, *, required: bool = False) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "required": required, "schema": shape}


def header(name: str) -> dict[str, Any]:
    """A parameter in the headers."""
    return {"name": name, "in": "header", "schema": TEXT}


API_VERSION: Final = query(
    "api-version",
    {"type": "string", "pattern": "^20[1-9][0-9]-(0[1-9]|1[0-2])-[0-2][1-8](-preview)?$"},
    required=True,
)
PAGING: Final = (query("$top", {"type": "integer", "minimum": 1}), query("$skiptoken"))
CONDITIONS: Final = (header("If-Match"), header("If-None-Match"))


def operation(
    name: str,
    answers: dict[int, str | None],
    *parameters: dict[str, Any],
    body: str | None = None,
    body_may_miss: bool = False,
    form: bool = False,
    changes: bool = False,
    refused: tuple[int, ...] = (),
) -> dict[str, Any]:
    """An operation of an API that speaks JSON and needs a token.

    Args:
        name: its `operationId`.
        answers: the shape's name by the status of an answer; None: that answer is empty.
        body: the shape's name of what is sent.
        form: what is sent is a form, and no JSON.
        changes: whether it changes something, and is refused as changes are.
        refused: more statuses with which it is refused.
    """
    statuses = {*(_OF_EVERY_CHANGE if changes else _OF_EVERY_OPERATION), *refused}
    made: dict[str, Any] = {"operationId": name, "parameters": list(parameters)}
    if body is not None:
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        made["requestBody"] = {"required": not body_may_miss, "content": {kind: {"schema": ref(body)}}}
    made["responses"] = {str(status): answer("Done.", shape) for status, shape in answers.items()} | {
        str(status): {"$ref": f"#/components/responses/{_refusal(status)}"} for status in sorted(statuses)
    }
    return made


def refusals() -> dict[str, Any]:
    """The refusals of every operation, which they refer to."""
    return {_refusal(status): answer(meaning, "Error") for status, meaning in _REFUSED.items()}


def _refusal(status: int) -> str:
    return f"Refused{status}"


def answer(description: str, shape: str | None) -> dict[str, Any]:
    """An answer: its shape by name, or None where it is empty."""
    made: dict[str, Any] = {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in REQUEST_ID_HEADERS},
    }
    if shape is not None:
        made["content"] = {"application/json": {"schema": ref(shape)}}
    return made


def closed(shape: Any) -> Any:
    """A shape of answers: its objects have no properties but those named, where it does not say otherwise."""
    if isinstance(shape, list):
        return [closed(inner) for inner in shape]
    if not isinstance(shape, dict):
        return shape
    made = {key: closed(inner) for key, inner in shape.items()}
    if shape.get("type") == "object" and isinstance(shape.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made
