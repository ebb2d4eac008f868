"""The addresses that a cloud's answers name: of its parts, and of the next page of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.azure import settings as azure_settings
from clients.azure.cloud import Cloud
from clients.azure.errors import ClientError
from clients.azure.model_management import ModelManagement
from tests.support.engine.scripted_arm import SUBSCRIPTION, Arm, Reply, Script, scripted_arm

PROVIDER = "providers/Microsoft.MachineLearningModelManagement/accounts"
ACCOUNT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/{PROVIDER}/models"
AUTHENTICATION = {"loginEndpoint": "https://login.test/", "audiences": ["https://arm.test/"]}


@contextmanager
def signed_in(
    script: Script, folder: Path, discovery: Mapping[str, Any] | None = None
) -> Iterator[tuple[Arm, Cloud]]:
    with scripted_arm(script, folder, discovery) as arm:
        cloud = Cloud(azure_settings.read(arm.settings, {}).settings, ca_file=str(arm.ca))
        yield arm, cloud
        cloud.close()


@pytest.mark.parametrize(
    ("discovery", "words"),
    [
        (
            {"authentication": AUTHENTICATION, "resourceManager": "http://arm.test/"},
            "names http://arm.test, which is not https",
        ),
        (
            {
                "authentication": AUTHENTICATION | {"loginEndpoint": "http://login.test"},
                "resourceManager": "https://arm.test/",
            },
            "names http://login.test, which is not https",
        ),
        ({"authentication": AUTHENTICATION}, "answers lacks 'resourceManager'; is this a Resource Manager?"),
        ({"authentication": AUTHENTICATION, "resourceManager": None}, "; is this a Resource Manager?"),
    ],
)
def test_a_cloud_that_cannot_be_signed_in_to_is_refused(
    discovery: Mapping[str, Any], words: str, tmp_path: Path
) -> None:
    with (
        signed_in(lambda *_: Reply(200), tmp_path, discovery) as (arm, cloud),
        pytest.raises(ClientError) as caught,
    ):
        cloud.token()
    assert str(caught.value).startswith(f"azure-native:metadataHost {arm.settings['metadataHost']}")
    assert words in str(caught.value)


def test_the_next_page_is_read_where_the_list_is_and_nowhere_else(tmp_path: Path) -> None:
    pages: list[dict[str, Any]] = []

    def script(method: str, path: str) -> Reply:
        if path == ACCOUNT:
            location = f"{running[0].address}/api/swagger.json"
            return Reply(200, {"properties": {"modelManagementSwaggerLocation": location}})
        return Reply(200, pages.pop(0))

    running: list[Arm] = []
    with signed_in(script, tmp_path) as (arm, cloud):
        running.append(arm)
        pages += [
            {"value": [{"id": "1", "name": "one"}], "nextLink": f"{arm.address}/next"},
            {"value": [{"id": "2", "name": "two"}]},
        ]
        management = ModelManagement(cloud, ACCOUNT)
        assert [model.name for model in management.models()] == ["one", "two"]
        pages += [{"value": [], "nextLink": "https://127.0.0.1:1/next?sig=s3cret"}]
        with pytest.raises(
            ClientError, match=r"names https://127\.0\.0\.1:1/next: refused to send the token"
        ):
            management.models()
