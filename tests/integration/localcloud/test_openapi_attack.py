"""Every described operation under requests that fit its description, and under others that do not.

Each answer is one of those described: its status, its headers, its content to the last property. What does
not fit is refused, and nothing ends in a 5xx.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from localcloud.dns.record_types import TYPES
from localcloud.openapi.document import document
from localcloud.server import Cloud
from tests.support.examples import examples
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.arm_caller import AUDIENCE
from tests.support.localcloud.data_plane import PackageHost
from tests.support.localcloud.standing import Standing

# The addresses in the document are of no matter here.
DESCRIBED = schemathesis.openapi.from_dict(document("https://127.0.0.1", None, has_blobs=True))
OPERATIONS = {
    operation.definition.raw["operationId"]: operation
    for operation in (found.ok() for found in DESCRIBED.get_all_operations() if isinstance(found, Ok))
}
CHANGING = ("PUT", "POST", "PATCH", "DELETE")
CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def standing(cloud: Cloud) -> Iterator[Standing]:
    with PackageHost().running() as host:
        stands = Standing(cloud.status(), host.put("/c/real.zip", scoring_parts.package()))
        stands.raise_up()
        yield stands
        stands.close()


@pytest.fixture(scope="module")
def session(cloud: Cloud) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        opened.verify = str(cloud.status().ca)
        yield opened


@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.endswith("Head")])
def test_every_answer_is_described(name: str, standing: Standing, session: requests.Session) -> None:
    operation = OPERATIONS[name]
    kinds = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    standing.raise_up()

    @examples(10 if operation.method.upper() in CHANGING else 5, 60, suppress_health_check=list(HealthCheck))
    @given(st.one_of([operation.as_strategy(generation_mode=kind) for kind in kinds]), st.data())
    def attacked(case: Case[Any], data: st.DataObject) -> None:
        names_are_wrong = _is_negated(case, ParameterLocation.PATH)
        _lead_somewhere(case, data, standing)
        if ".." in case.path_parameters.values() or "." in case.path_parameters.values():
            return  # the client itself takes them out of the path
        headers = {"Authorization": f"Bearer {standing.arm.token()}"}
        answer = case.call(
            base_url=standing.base,
            session=session,
            headers=headers,
            verify=session.verify,
            allow_redirects=False,
        )
        if case.method == "DELETE" or answer.status_code == 404:
            standing.raise_up()
        judged = [*CHECKS, not_a_server_error]
        if _is_slow_blob_service(answer):
            judged.remove(not_a_server_error)
        if not names_are_wrong and answer.status_code != 412:
            judged.append(negative_data_rejection)
        case.validate_response(answer, checks=judged)
        if answer.headers.get("content-type", [""])[0].startswith("text/html"):
            return  # a page, for people
        if answer.status_code >= 400 and "error_codes" not in answer.json():
            error = answer.json()["error"]
            assert all(isinstance(error[part], str) and error[part] for part in ("code", "message"))

    attacked()


def _is_negated(case: Case[Any], location: ParameterLocation) -> bool:
    """Whether this part of a request was made so that it does not fit."""
    assert case.meta is not None
    component = case.meta.components.get(location)
    return component is not None and component.mode.is_negative


def _lead_somewhere(case: Case[Any], data: st.DataObject, standing: Standing) -> None:
    """Puts names that stand in place of most: with a random one in it, a path ends at a 404."""
    for name, values in standing.names.items():
        if name in case.path_parameters and data.draw(st.integers(0, 9)):
            case.path_parameters[name] = data.draw(st.sampled_from(values))
    if not isinstance(case.body, dict) or _is_negated(case, ParameterLocation.BODY):
        return
    if "modelId" in case.body and data.draw(st.booleans()):
        case.body["modelId"] = standing.model
    if "url" in case.body:  # of others' hosts the model would ask the network
        case.body["url"] = standing.package
    if "client_id" in case.body and data.draw(st.integers(0, 9)):
        right = {"client_id": str(standing.status.client_id), "client_secret": standing.arm.secret}
        right |= {"scope": f"{AUDIENCE}/.default", "resource": AUDIENCE}
        case.body |= {key: value for key, value in right.items() if data.draw(st.integers(0, 9))}
    kind, properties = case.path_parameters.get("kind"), case.body.get("properties")
    if kind in TYPES and isinstance(properties, dict):
        others = {one.property for one in TYPES.values()} - {TYPES[str(kind)].property}
        case.body["properties"] = {key: value for key, value in properties.items() if key not in others}


def _is_slow_blob_service(answer: Response) -> bool:
    """Whether the machine has so much to do that the blob service took its seconds."""
    return answer.status_code == 503 and "did not answer within" in answer.json()["error"]["message"]
