"""JSON schemas (draft 7) of `Pulumi.STACK.yaml` and `Backend.STACK.yaml`, for editors and for `make lint`.

They are made from the tables by which these files are read: `infra.settings` and
`fpga.stacks.backend_settings`. Draft 7, for the YAML language server reads no newer one whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fpga.stacks import backend_settings

if TYPE_CHECKING:
    from infra.settings.table import Setting

Schema = dict[str, Any]

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def stack_schema() -> Schema:
    """The schema of a stack's file: settings of the program and of azure-native, and Pulumi's own."""
    from infra import settings
    from infra.settings import services
    from infra.settings.reader import NAMESPACE

    known = settings.known()
    required = [one for one in known if one.required is True and not one.when]
    # where there is a list of services, each of them may have its own
    of_services = [one.key for one in required if one.key in services.own_keys()]
    config: Schema = {
        "type": "object",
        "description": "The stack's settings",
        "properties": {f"{NAMESPACE}:{one.key}": _setting(one) for one in known} | _azure_settings(),
        "patternProperties": {"^(azure-native|pulumi):": {}},
        "additionalProperties": False,
        "required": [f"{NAMESPACE}:{one.key}" for one in required if one.key not in of_services],
        "anyOf": [
            {"required": [f"{NAMESPACE}:{key}" for key in of_services]},
            {"required": [f"{NAMESPACE}:{services.KEY}"]},
        ],
    }
    return {
        "$schema": _DRAFT,
        "title": "A stack of fpga-web-service",
        "description": "Pulumi.STACK.yaml. Made by `fpga stack schema`.",
        "type": "object",
        "properties": {
            "secretsprovider": _text("What encrypts the secrets, where it is not a passphrase"),
            "encryptedkey": _text("The key that secrets are encrypted with, encrypted by the provider"),
            "encryptionsalt": _text("What the passphrase is salted with: written by `pulumi stack init`"),
            "environment": {"description": "Environments of Pulumi ESC"},
            "config": config,
        },
        "additionalProperties": False,
        "required": ["config"],
    }


def backend_schema() -> Schema:
    """The schema of the file that says where a stack's state is."""
    properties = {key: _text(about) for key, about in backend_settings.KEYS.items()}
    properties["url"]["pattern"] = (
        f"^({backend_settings.FILE_URL.pattern}|{backend_settings.AZBLOB.pattern})$"
    )
    properties["secretsProvider"] |= {
        "pattern": f"^({backend_settings.PASSPHRASE}|{backend_settings.KEY_VAULT.pattern})$",
        "default": backend_settings.PASSPHRASE,
    }
    by_passphrase = {"properties": {"secretsProvider": {"const": backend_settings.PASSPHRASE}}}
    return {
        "$schema": _DRAFT,
        "title": "The backend of a stack of fpga-web-service",
        "description": "Backend.STACK.yaml. Made by `fpga stack schema`.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": ["url"],
        "if": by_passphrase,
        "then": {"required": ["passphraseFile"]},
        "else": {"not": {"required": ["passphraseFile"]}},
    }


def _setting(setting: Setting) -> Schema:
    from infra.settings import services

    schema: Schema = {"description": setting.line}
    if setting.default or setting.default is False:
        schema["default"] = setting.default
    items = {"items": services.item_schema()} if setting.kind is services.SERVICES else {}
    return {**schema, **setting.kind.schema, **items}


def _azure_settings() -> dict[str, Schema]:
    from clients.azure.settings import NAMESPACE, VARIABLES
    from infra.settings.azure import SETTINGS

    found = {}
    for one in SETTINGS:
        about = {"description": f"{one.about}. Not set: the variable {VARIABLES[one.key]}"}
        found[f"{NAMESPACE}{one.key}"] = {**about, **one.kind.schema}
    return found


def _text(about: str) -> Schema:
    return {"description": about, "type": "string"}
