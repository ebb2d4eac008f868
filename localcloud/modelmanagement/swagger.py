"""The data plane described for tools, in Swagger 2.0: what `modelManagementSwaggerLocation` points at."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from localcloud.arm.accounts import DATA_PLANE_VERSION

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "integer", "format": "int32"}
_TIME = {"type": "string", "format": "date-time"}
_STATE = {"type": "string", "enum": ["NotStarted", "Running", "Succeeded", "Failed"]}


def document(base_url: str, account_path: str) -> dict[str, Any]:
    """The description of one account's data plane.

    Args:
        base_url: where it answers, `https://host:port`.
        account_path: path of the account, without a final slash.
    """
    return {
        "swagger": "2.0",
        "info": {"title": "Model Management", "version": DATA_PLANE_VERSION},
        "host": urlsplit(base_url).netloc,
        "schemes": ["https"],
        "basePath": account_path,
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "security": [{"azure_auth": []}],
        "securityDefinitions": {
            "azure_auth": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "'Bearer ' and a token for the audience https://management.core.windows.net/",
            }
        },
        "parameters": {
            "ApiVersion": {"name": "api-version", "in": "query", "required": True, "type": "string"},
            "Id": {"name": "id", "in": "path", "required": True, "type": "string"},
            "Top": {"name": "$top", "in": "query", "type": "integer", "minimum": 1},
            "SkipToken": {"name": "$skiptoken", "in": "query", "type": "string"},
        },
        "paths": {path: _path(path, verbs) for path, verbs in _PATHS.items()},
        "definitions": _DEFINITIONS,
    }


def _path(path: str, verbs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    shared = [{"$ref": "#/parameters/ApiVersion"}]
    if "{id}" in path:
        shared.append({"$ref": "#/parameters/Id"})
    refused = {"default": {"description": "Refused.", "schema": _ref("Error")}}
    return {"parameters": shared} | {
        verb: operation | {"responses": operation["responses"] | refused} for verb, operation in verbs.items()
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _operation(name: str, *parameters: dict[str, Any], **answers: dict[str, Any]) -> dict[str, Any]:
    """An operation; `answers` are named by their status, as in `_200`."""
    responses = {status.lstrip("_"): answer for status, answer in answers.items()}
    return {"operationId": name, "parameters": list(parameters), "responses": responses}


def _body(name: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": "body", "in": "body", "required": required, "schema": _ref(name)}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "type": "string"}


def _shown(name: str) -> dict[str, Any]:
    return {"description": "As it is.", "schema": _ref(name)}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return made | {"required": required.split()} if required else made


def _page(name: str) -> dict[str, Any]:
    return _object("value", value={"type": "array", "items": _ref(name)}, nextLink=_TEXT)


_PAGING = ({"$ref": "#/parameters/Top"}, {"$ref": "#/parameters/SkipToken"})
_GONE = {"description": "There was none."}
_ACCEPTED = {
    "description": "Accepted; Operation-Location, a path without a query, tells what becomes of it.",
    "headers": {"Operation-Location": _TEXT, "x-ms-client-request-id": _TEXT},
}

_PATHS: dict[str, dict[str, dict[str, Any]]] = {
    "/models": {
        "get": _operation("Models_List", *_PAGING, _query("name"), _200=_shown("ModelPage")),
        "post": _operation("Models_Register", _body("ModelRegistration"), _200=_shown("Model")),
    },
    "/models/{id}": {
        "get": _operation("Models_Get", _200=_shown("Model")),
        "delete": _operation("Models_Delete", _200={"description": "Deleted."}, _204=_GONE),
    },
    "/services": {
        "get": _operation(
            "Services_List", *_PAGING, _query("serviceName"), _query("modelId"), _200=_shown("ServicePage")
        ),
        "post": _operation(
            "Services_Create", _body("ServiceCreation"), _202=_ACCEPTED | {"schema": _ref("Service")}
        ),
    },
    "/services/{id}": {
        "get": _operation("Services_Get", _200=_shown("Service")),
        "put": _operation(
            "Services_Update", _body("ServiceChange"), _202=_ACCEPTED | {"schema": _ref("Service")}
        ),
        "patch": _operation(
            "Services_Patch", _body("ServicePatch"), _202=_ACCEPTED | {"schema": _ref("Service")}
        ),
        "delete": _operation("Services_Delete", _202=_ACCEPTED, _204=_GONE),
    },
    "/services/{id}/keys": {"get": _operation("Services_GetKeys", _200=_shown("Keys"))},
    "/services/{id}/regeneratekeys": {
        "post": _operation("Services_RegenerateKeys", _body("KeyType", required=False), _200=_shown("Keys"))
    },
    "/operations/{id}": {"get": _operation("Operations_Get", _200=_shown("Operation"))},
}

_FAILURE: dict[str, Any] = {"code": _TEXT, "message": _TEXT}
_NULLABLE: dict[str, Any] = {"x-nullable": True}
_GIVEN_KEY = _TEXT | _NULLABLE | {"description": "null: it is made, or stays as it is."}
_COMPUTE = {"type": "string", "enum": ["FPGA"]}
_REPLICAS: dict[str, Any] = _NUMBER | {"minimum": 1}
_SCALER: dict[str, Any] = {
    "autoscaleEnabled": _FLAG,
    "minReplicas": _REPLICAS | _NULLABLE,
    "maxReplicas": _REPLICAS | _NULLABLE,
}
_CHANGE: dict[str, Any] = {
    "computeType": _COMPUTE,
    "modelId": _TEXT,
    "numReplicas": _REPLICAS
    | _NULLABLE
    | {"description": "Not beside an autoScaler that is enabled, but as its minReplicas."},
    "autoScaler": _object("autoscaleEnabled", **_SCALER) | _NULLABLE,
    "sslEnabled": _FLAG | _NULLABLE,
    "sslCertificate": _TEXT | _NULLABLE,
    "sslKey": _TEXT | _NULLABLE,
    "keys": _object(primaryKey=_GIVEN_KEY, secondaryKey=_GIVEN_KEY) | _NULLABLE,
}
_DEFINITIONS: dict[str, Any] = {
    "ModelRegistration": _object(
        "name mimeType url",
        name=_TEXT,
        mimeType=_TEXT,
        url=_TEXT,
        unpack=_FLAG | _NULLABLE,
        computeType=_COMPUTE | _NULLABLE,
    ),
    "Model": _object(
        "id name version mimeType unpack url createdAt",
        id=_TEXT,
        name=_TEXT,
        version=_NUMBER,
        mimeType=_TEXT,
        unpack=_FLAG,
        url=_TEXT,
        createdAt=_TIME,
    ),
    "ModelPage": _page("Model"),
    "ServiceChange": _object("computeType modelId", **_CHANGE),
    "ServicePatch": _object(**_CHANGE),
    "ServiceCreation": _object("computeType modelId name", name=_TEXT, **_CHANGE),
    "Service": _object(
        "id name state computeType modelId numReplicas sslEnabled createdAt updatedAt",
        id=_TEXT,
        name=_TEXT,
        state=_STATE,
        computeType=_TEXT,
        modelId=_TEXT,
        numReplicas=_NUMBER,
        autoScaler=_ref("AutoScaler"),
        deploymentStatus=_ref("DeploymentStatus"),
        sslEnabled=_FLAG,
        createdAt=_TIME,
        updatedAt=_TIME,
        ipAddress=_TEXT,
        port=_NUMBER,
        error=_ref("Failure"),
    ),
    "DeploymentStatus": _object(
        "desiredReplicas availableReplicas",
        desiredReplicas=_NUMBER,
        availableReplicas=_NUMBER,
        error=_ref("Failure"),
    ),
    "AutoScaler": _object(
        "autoscaleEnabled minReplicas maxReplicas",
        autoscaleEnabled=_FLAG,
        minReplicas=_REPLICAS,
        maxReplicas=_REPLICAS,
    ),
    "ServicePage": _page("Service"),
    "Keys": _object("primaryKey secondaryKey", primaryKey=_TEXT, secondaryKey=_TEXT),
    "KeyType": _object(keyType={"type": "string", "enum": ["Primary", "Secondary"], **_NULLABLE}),
    "Operation": _object(
        "id operationType state createdTime resourceLocation",
        id=_TEXT,
        operationType=_TEXT,
        state=_STATE,
        createdTime=_TIME,
        endTime=_TIME,
        resourceLocation=_TEXT,
        error=_ref("Failure"),
    ),
    "Failure": _object(
        "code message details", **_FAILURE, details={"type": "array", "items": _object(**_FAILURE)}
    ),
    "Error": _object("error", error=_object("code message", **_FAILURE)),
}
