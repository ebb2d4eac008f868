"""A localcloud with what the clients are given: accounts, a package, services without and with SSL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import API_VERSION, DataPlane, PackageHost

GROUP, ACCOUNTS = "group", ("compatible2018", "compatibletoday")


@contextmanager
def given(folder: Path) -> Iterator[dict[str, Any]]:
    """Serves meanwhile, and gives what clients are told, as JSON has it."""
    with Cloud(parts.settings(folder / "data")) as cloud, closing(DataPlane(cloud.status())) as plane:
        status = cloud.status()
        plane.make_account("account")
        package = folder / "package.zip"
        package.write_bytes(scoring_parts.package())
        with PackageHost().running() as packages:
            model = plane.register(packages.put("/m.zip", package.read_bytes()))
        plain = plane.deploy(model, "plain")
        root = Authority()
        secure = plane.deploy(model, "secure")
        leaf = root.issue([secure["ipAddress"]])
        settings = {
            "sslEnabled": True,
            "sslCertificate": leaf.pem.decode(),
            "sslKey": leaf.key_pem.decode(),
        }
        assert plane.update(secure["id"], model, **settings)["state"] == "Succeeded"  # noqa: S101
        (folder / "root.pem").write_bytes(root.root)
        group = plane.account_id.partition("/providers/")[0]
        body = {"location": "eastus2", "kind": "Storage", "sku": {"name": "Standard_RAGRS"}}
        storage = f"{group}/providers/Microsoft.Storage/storageAccounts/{ACCOUNTS[0]}"
        plane.arm("PUT", storage, body)
        with closing(ArmCaller(status)) as caller:
            token = caller.token()
        blob = urlsplit(str(status.blob))
        names = [f"{account}.blob.core.windows.net" for account in ACCOUNTS]
        yield {
            "host": status.https,
            "ca": str(status.ca),
            "tenant": status.tenant,
            "subscription": status.subscription,
            "client_id": status.client_id,
            "secret": status.client_secret_file.read_text().strip(),
            "token": token,
            "hosts": {name: [blob.hostname, blob.port] for name in names},
            "account": ACCOUNTS[0],
            "names": list(ACCOUNTS[1:]),
            "key": plane.arm("POST", f"{storage}/listKeys").json()["keys"][0]["value"],
            "models": f"{plane.host}{plane.account}/models?api-version={API_VERSION}",
            "package": str(package),
            "photo": str(scoring_parts.PHOTO),
            "best": scoring_parts.ESPRESSO,
            "output": json.loads((parts.built_model().package / "service_def.json").read_text())["pipeline"][
                -1
            ].get("output_alias", "output_alias"),
            "plain": [plain["ipAddress"], plain["port"]],
            "secure": [secure["ipAddress"], secure["port"]],
            "keys": list(plane.keys(secure["id"])),
            "roots": str(folder / "root.pem"),
        }
