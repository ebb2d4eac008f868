"""The kinds of KubeRay and cert-manager as JSON schemas: the fields that manifests have, and no others."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_MAP: Final[Schema] = {"type": "object", "additionalProperties": _TEXT}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}
_DURATION: Final[Schema] = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}


def _core(name: str) -> Schema:
    return {"$ref": f"#/$defs/io.k8s.{name}"}


def _object(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _choice(*values: str) -> Schema:
    return {"enum": list(values)}


def _kind(version: str, kind: str, spec: Schema) -> Schema:
    return _object(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion=_choice(version),
        kind=_choice(kind),
        metadata=_core("apimachinery.pkg.apis.meta.v1.ObjectMeta"),
        spec=spec,
    )


_GROUP: Final[dict[str, Schema]] = {
    "rayStartParams": _MAP,
    "resources": _MAP,
    "labels": _MAP,
    "template": _core("api.core.v1.PodTemplateSpec"),
}
_RAY_CLUSTER: Final = _object(
    ("headGroupSpec",),
    rayVersion=_TEXT,
    enableInTreeAutoscaling=_BOOLEAN,
    suspend=_BOOLEAN,
    authOptions=_object(mode=_choice("disabled", "token"), secretName=_TEXT, enableK8sTokenAuth=_BOOLEAN),
    headServiceAnnotations=_MAP,
    headGroupSpec=_object(
        ("template",),
        serviceType=_choice("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
        enableIngress=_BOOLEAN,
        **_GROUP,
    ),
    workerGroupSpecs={
        "type": "array",
        "items": _object(
            ("groupName", "maxReplicas", "minReplicas", "template"),
            groupName=_TEXT,
            replicas=_NUMBER,
            minReplicas=_NUMBER,
            maxReplicas=_NUMBER,
            numOfHosts=_NUMBER,
            idleTimeoutSeconds=_NUMBER,
            suspend=_BOOLEAN,
            **_GROUP,
        ),
    },
)
_ISSUER_REFERENCE: Final = _object(("name",), name=_TEXT, kind=_TEXT, group=_TEXT)
_CERTIFICATE: Final = _object(
    ("issuerRef", "secretName"),
    secretName=_TEXT,
    issuerRef=_ISSUER_REFERENCE,
    commonName=_TEXT,
    dnsNames=_TEXTS,
    ipAddresses=_TEXTS,
    isCA=_BOOLEAN,
    duration=_DURATION,
    renewBefore=_DURATION,
    usages={
        "type": "array",
        "items": _choice("server auth", "client auth", "digital signature", "cert sign"),
    },
    privateKey=_object(
        algorithm=_choice("RSA", "ECDSA", "Ed25519"),
        encoding=_choice("PKCS1", "PKCS8"),
        rotationPolicy=_choice("Never", "Always"),
        size={"type": "integer"},
    ),
)
_ISSUER: Final = _object(selfSigned=_object(), ca=_object(("secretName",), secretName=_TEXT))

SCHEMAS: Final[dict[str, Schema]] = {
    "ray.io/v1/RayCluster": _kind("ray.io/v1", "RayCluster", _RAY_CLUSTER),
    "cert-manager.io/v1/Certificate": _kind("cert-manager.io/v1", "Certificate", _CERTIFICATE),
    "cert-manager.io/v1/Issuer": _kind("cert-manager.io/v1", "Issuer", _ISSUER),
}
