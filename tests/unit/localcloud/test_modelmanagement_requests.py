"""What the data plane takes from request bodies, and how it refuses the rest."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from localcloud.errors import CloudError
from localcloud.modelmanagement import fields, keys, models, services
from localcloud.modelmanagement.keys import AuthKeys, GivenKeys
from localcloud.modelmanagement.replicas import Replicas
from localcloud.modelmanagement.services import Change
from localcloud.scoring.tls import TlsMaterial

MODEL = {
    "name": "resnet 50",
    "mimeType": "application/zip",
    "url": "https://host/c/b?sig=s3cret",
    "unpack": False,
}
SERVICE = {"computeType": "FPGA", "modelId": "AB", "numReplicas": 1}
PAIR = {"sslEnabled": True, "sslCertificate": "-----BEGIN", "sslKey": "k3y"}


def scaler(**change: Any) -> dict[str, Any]:
    """An autoScaler without `numReplicas`."""
    return {
        "numReplicas": None,
        "autoScaler": {"autoscaleEnabled": True, "minReplicas": 1, "maxReplicas": 4} | change,
    }


def refusal(parse: Any, body: dict[str, Any]) -> tuple[int, str, str]:
    with pytest.raises(CloudError) as refused:
        parse(body)
    return refused.value.status, refused.value.code, refused.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "The property 'name' is required and must be a non-empty string."),
        ({"name": "-x"}, "The property 'name' takes 1 to 128 letters"),
        ({"name": "x" * 129}, "The property 'name' takes 1 to 128 letters"),
        (
            {"mimeType": "text/plain"},
            "The property 'mimeType' must be application/zip: a package is a zip file.",
        ),
        ({"unpack": True}, "The property 'unpack' must be false: a package for an FPGA stays a zip file."),
        ({"unpack": "no"}, "The property 'unpack' must be true or false."),
        ({"url": "ftp://host/x?sig=s3cret"}, "The property 'url' must be an https address"),
        ({"url": "https:///x?sig=s3cret"}, "The property 'url' must be an https address"),
        ({"url": "https://host:99999/x?sig=s3cret"}, "The property 'url' must be an https address"),
        ({"url": "https://[host/x?sig=s3cret"}, "The property 'url' must be an https address"),
        ({"url": "https://[::1%qlo]/x?sig=s3cret"}, "The property 'url' must be an https address"),
        (
            {"url": "https://host/" + "x" * 9000},
            "The property 'url' has 9013 characters, and takes at most 8192",
        ),
        # read by one library as the host 192.0.2.1, by another as the host 127.0.0.1
        ({"url": "http://192.0.2.1\\@127.0.0.1/x?sig=s3cret"}, "The property 'url' must be an https address"),
        (
            {"url": "http://127.0.0.1/x\r\nHost: other?sig=s3cret"},
            "The property 'url' must be an https address",
        ),
    ],
)
def test_a_model_that_is_refused(change: dict[str, Any], message: str) -> None:
    status, code, said = refusal(models.parse, MODEL | change)
    assert (status, code) == (400, "InvalidParameter")
    assert said.startswith(message)
    assert "s3cret" not in said


def test_a_models_address_is_shown_without_its_signature() -> None:
    assert models.without_signature("https://u:p@Host:1/a%20b?sig=s3cret#x") == "https://host:1/a%20b"
    assert models.parse(MODEL).name == "resnet 50"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"computeType": "AKS"},
            "The property 'computeType' must be FPGA; this service has no other compute.",
        ),
        ({"computeType": None}, "The property 'computeType' is required and must be a non-empty string."),
        ({"modelId": ""}, "The property 'modelId' is required and must be a non-empty string."),
        (
            {"numReplicas": 0},
            "The property 'numReplicas' must be a whole number of at least 1: a service without replicas is "
            "not offered, delete it instead.",
        ),
        ({"numReplicas": -3}, "The property 'numReplicas' must be a whole number of at least 1: a service"),
        ({"numReplicas": 10**20}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"numReplicas": 1e300}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"numReplicas": [1]}, "The property 'numReplicas' must be a whole number of at least 1."),
        (
            {"autoScaler": True},
            "The property 'autoScaler' must be an object with autoscaleEnabled, minReplicas",
        ),
        ({"autoScaler": {}}, "The property 'autoScaler.autoscaleEnabled' is required: true or false."),
        (scaler(autoscaleEnabled="yes"), "The property 'autoScaler.autoscaleEnabled' must be true or false."),
        (
            scaler(minReplicas=0),
            "The property 'autoScaler.minReplicas' must be a whole number of at least 1: a",
        ),
        (
            scaler(maxReplicas="3"),
            "The property 'autoScaler.maxReplicas' must be a whole number of at least 1.",
        ),
        (scaler(maxReplicas=None), "The property 'autoScaler.maxReplicas' is required where autoScaler.auto"),
        (
            scaler(minReplicas=3, maxReplicas=2),
            "The property 'autoScaler.maxReplicas' is 2, and minReplicas is 3: it is the larger one.",
        ),
        (
            scaler(targetUtilization=70),
            "The property 'autoScaler.targetUtilization' is not offered: replicas follow the calls",
        ),
        (
            scaler() | {"numReplicas": 3},
            "The property 'numReplicas' is 3, and autoScaler.autoscaleEnabled is true: leave it out, or have "
            "it be minReplicas.",
        ),
        (
            scaler(autoscaleEnabled=False) | {"numReplicas": None},
            "The property 'numReplicas' is required where autoScaler.autoscaleEnabled is false.",
        ),
        ({"numReplicas": 1.5}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"numReplicas": float("inf")}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"numReplicas": True}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"numReplicas": "1"}, "The property 'numReplicas' must be a whole number of at least 1."),
        ({"sslEnabled": "yes"}, "The property 'sslEnabled' must be true or false."),
        (PAIR | {"sslKey": ""}, "The property 'sslKey' is required when sslEnabled is true"),
        (
            PAIR | {"sslCertificate": None},
            "The property 'sslCertificate' is required when sslEnabled is true",
        ),
        (PAIR | {"sslEnabled": None}, "The property 'sslEnabled' is required beside a certificate or a key"),
        (PAIR | {"sslCertificate": 7}, "The property 'sslCertificate' must be a string."),
        ({"keys": []}, "The property 'keys' must be an object with primaryKey and secondaryKey."),
        ({"keys": {"primaryKey": ""}}, "The property 'keys.primaryKey' takes 1 to 256 printable ASCII"),
        (
            {"keys": {"secondaryKey": "s3cret key"}},
            "The property 'keys.secondaryKey' takes 1 to 256 printable",
        ),
        ({"keys": {"secondaryKey": "s3cretß"}}, "The property 'keys.secondaryKey' takes 1 to 256 printable"),
    ],
)
def test_a_service_that_is_refused(change: dict[str, Any], message: str) -> None:
    status, code, said = refusal(services.parse, SERVICE | change)
    assert (status, code) == (400, "InvalidParameter")
    assert said.startswith(message)
    assert "s3cret" not in said
    assert "k3y" not in said


def test_a_certificate_that_cannot_be_read_is_refused_without_the_key() -> None:
    status, code, said = refusal(services.parse, SERVICE | PAIR)
    assert (status, code) == (400, "InvalidSslCertificate")
    assert "k3y" not in said


@pytest.mark.parametrize("name", ["", "_x", "a b", "x" * 129, None, 3])
def test_a_services_name_that_is_refused(name: object) -> None:
    status, code, said = refusal(fields.service_name, {"name": name})
    assert (status, code) == (400, "InvalidParameter")
    assert said.startswith("The property 'name' ")


def test_a_change_reads_absent_null_and_empty_as_the_2018_client_means_them() -> None:
    kept = services.parse(SERVICE | {"numReplicas": 2.0})
    assert kept == Change("ab", Replicas(2), None, None, GivenKeys())
    off = services.parse(SERVICE | {"sslEnabled": False, "sslCertificate": "", "sslKey": ""})
    assert (off.ssl, off.tls) == (False, None)
    # what it sends when SSL goes off with a certificate at hand
    ignored = services.parse(SERVICE | {"sslEnabled": False, "sslCertificate": "Cert", "sslKey": "Key"})
    assert (ignored.ssl, ignored.tls) == (False, None)
    assert services.parse(SERVICE | {"keys": {"primaryKey": "a", "secondaryKey": None}}).keys == GivenKeys(
        "a"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"numReplicas": 3}, Replicas(3)),
        ({"numReplicas": None}, None),
        ({"autoScaler": None}, Replicas(1)),
        (scaler(), Replicas(1, 4)),
        (scaler(minReplicas=None), Replicas(1, 4)),
        (scaler(minReplicas=2.0) | {"numReplicas": 2}, Replicas(2, 4)),
        (scaler(minReplicas=4), Replicas(4, 4)),
        (scaler(autoscaleEnabled=False) | {"numReplicas": 2}, Replicas(2)),
    ],
)
def test_a_number_of_replicas(change: dict[str, Any], expected: Replicas | None) -> None:
    assert services.parse(SERVICE | change).replicas == expected


def test_what_is_shown_of_replicas_can_be_asked_for() -> None:
    for one in (Replicas(3), Replicas(2, 5)):
        assert services.parse(SERVICE | one.document()).replicas == one


def test_a_patch_needs_neither_compute_type_nor_model() -> None:
    change = services.parse({"numReplicas": 3}, is_partial=True)
    assert change == Change(None, Replicas(3), None, None, GivenKeys())
    assert services.parse({}, is_partial=True) == Change(None, None, None, None, GivenKeys())
    status, code, said = refusal(lambda body: services.parse(body, is_partial=True), {"computeType": "AKS"})
    assert (status, code) == (400, "InvalidParameter")
    assert said.startswith("The property 'computeType' must be FPGA")


def test_a_change_of_before_waits_in_the_queue() -> None:
    """It has no most_replicas."""
    kept = json.loads(Change("ab", Replicas(2), None, None, GivenKeys()).to_json())
    del kept["most_replicas"]
    assert Change.from_json(json.dumps(kept)).replicas == Replicas(2)


def test_a_change_waits_in_the_queue_as_it_came() -> None:
    change = Change("ab", Replicas(2), True, TlsMaterial(b"cert", b"key"), GivenKeys(None, "second"))
    assert Change.from_json(change.to_json()) == change
    scaled = Change(None, Replicas(2, 5), None, None, GivenKeys())
    assert Change.from_json(scaled.to_json()) == scaled
    neither = Change("ab", None, None, None, GivenKeys())
    assert Change.from_json(neither.to_json()) == neither
    plain = Change("ab", Replicas(1), None, None, GivenKeys())
    assert Change.from_json(plain.to_json()) == plain


def test_secrets_are_in_no_repr() -> None:
    shown = repr(
        Change("ab", Replicas(2), True, TlsMaterial(b"cert", b"s3cret"), GivenKeys("s3cret", "s3cret"))
    )
    assert "s3cret" not in shown
    assert "s3cret" not in repr(AuthKeys("s3cret", "s3cret"))
    assert "s3cret" not in repr(models.parse(MODEL))


def test_keys_are_made_kept_and_made_anew() -> None:
    made = GivenKeys("mine").completed()
    assert made.primary == "mine"
    assert len(base64.b64decode(made.secondary)) == 32
    assert GivenKeys(None, "second").over(made) == AuthKeys("mine", "second")
    first = made.regenerated("Primary")
    assert first.primary != made.primary
    assert first.secondary == made.secondary
    second = made.regenerated("Secondary")
    assert second.primary == made.primary
    assert second.secondary != made.secondary
    both = made.regenerated(None)
    assert both.primary != made.primary
    assert both.secondary != made.secondary


def test_a_key_type_that_is_refused() -> None:
    assert keys.parse_key_type({}) is None
    status, code, said = refusal(keys.parse_key_type, {"keyType": "primary"})
    assert (status, code) == (400, "InvalidParameter")
    assert said == "The property 'keyType' must be Primary or Secondary; leave it out for both keys."
