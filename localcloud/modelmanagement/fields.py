"""Fields of the data plane's request bodies, each with a refusal that names it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.errors import CloudError
from localcloud.whole_numbers import whole

COMPUTE_TYPE = "FPGA"

_INT32 = 2**31 - 1
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,127}")
_SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def invalid(field: str, problem: str) -> CloudError:
    """The 400 of a field: `problem` ends the sentence that begins with the field's name."""
    return CloudError(400, "InvalidParameter", f"The property '{field}' {problem}.")


def text(body: Mapping[str, Any], field: str) -> str:
    """A string that must be there.

    Raises:
        CloudError: 400 InvalidParameter.
    """
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise invalid(field, "is required and must be a non-empty string")
    return value


def optional_text(body: Mapping[str, Any], field: str) -> str | None:
    """A string, or None where it is absent, null or empty (clients send "" for none)."""
    value = body.get(field)
    if value is None or isinstance(value, str):
        return value or None
    raise invalid(field, "must be a string")


def optional_flag(body: Mapping[str, Any], field: str, of: str = "") -> bool | None:
    """True or false, or None where it is absent or null.

    Args:
        of: the property whose object `body` is.
    """
    value = body.get(field)
    if value is None or isinstance(value, bool):
        return value
    raise invalid(_inside(of, field), "must be true or false")


def compute_type(value: str) -> None:
    """The kind of machine that a model or service runs on.

    Raises:
        CloudError: 400 InvalidParameter: it is anything but an FPGA.
    """
    if value != COMPUTE_TYPE:
        raise invalid("computeType", f"must be {COMPUTE_TYPE}; this service has no other compute")


def optional_number(
    body: Mapping[str, Any], field: str, of: str = "", *, least: int, hint: str
) -> int | None:
    """A whole number (1.0 is one), or None where it is absent or null.

    Args:
        of: the property whose object `body` is.
        hint: what is offered in place of a smaller one.
    """
    value = body.get(field)
    if value is None:
        return None
    number = whole(value)
    if number is None or number > _INT32:
        raise invalid(_inside(of, field), f"must be a whole number of at least {least}")
    if number < least:
        raise invalid(_inside(of, field), f"must be a whole number of at least {least}: {hint}")
    return number


def _inside(of: str, field: str) -> str:
    return f"{of}.{field}" if of else field


def model_name(body: Mapping[str, Any]) -> str:
    """A model's name. The 2018 client derives a blob's name from it, spaces and all."""
    name = text(body, "name")
    if not _MODEL_NAME.fullmatch(name):
        raise invalid(
            "name", "takes 1 to 128 letters, digits, spaces, '-', '_' and '.', a letter or digit first"
        )
    return name


def service_name(body: Mapping[str, Any]) -> str:
    """A service's name, unique in its account whatever the case."""
    name = text(body, "name")
    if not _SERVICE_NAME.fullmatch(name):
        raise invalid("name", "takes 1 to 128 letters, digits, '-', '_' and '.', a letter or digit first")
    return name
