"""azure-cli-ml 0.1.0a27: its own client of Model Management accounts, with the sign-in of that year (adal).

The package around it imports the command line of that year, which is not here: the client alone is loaded.
"""

import importlib
import pathlib
import sys
import sysconfig
import types

ROOT = pathlib.Path(sysconfig.get_paths()["purelib"]) / "azure" / "cli" / "command_modules" / "ml"
for _name, _path in (
    ("azure.cli", ROOT.parents[1]),
    ("azure.cli.command_modules", ROOT.parent),
    ("azure.cli.command_modules.ml", ROOT),
):
    _module = types.ModuleType(_name)
    _module.__path__ = [str(_path)]
    sys.modules[_name] = _module

import adal  # noqa: E402
from msrest.authentication import BasicTokenAuthentication  # noqa: E402
from steps import run, step  # noqa: E402

RESOURCE = "https://management.core.windows.net/"
mma = importlib.import_module("azure.cli.command_modules.ml._mma")
models = importlib.import_module("azure.cli.command_modules.ml._mma.models.mma")
updates = importlib.import_module("azure.cli.command_modules.ml._mma.models.mms_update_props")
skus = importlib.import_module("azure.cli.command_modules.ml._mma.models.sku")
errors = importlib.import_module("azure.cli.command_modules.ml._mma.models.error_response")


@step("adal signs in with a client's secret")
def secret(given, state):
    context = adal.AuthenticationContext(given["host"] + "/" + given["tenant"], validate_authority=False)
    token = context.acquire_token_with_client_credentials(RESOURCE, given["client_id"], given["secret"])
    state["token"] = {"access_token": token["accessToken"], "token_type": "Bearer"}


@step("adal signs in by a device code at `common`, and again by its refresh token at the tenant")
def device(given, state):
    import requests

    program = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    context = adal.AuthenticationContext(given["host"] + "/common", validate_authority=False)
    code = context.acquire_user_code(RESOURCE, program)
    form = {"user_code": code["user_code"], "client_id": given["client_id"], "client_secret": given["secret"]}
    assert requests.post(code["verification_url"], data=form).status_code == 200
    token = context.acquire_token_with_device_code(RESOURCE, code, program)
    there = adal.AuthenticationContext(given["host"] + "/" + given["tenant"], validate_authority=False)
    assert there.acquire_token_with_refresh_token(token["refreshToken"], program, RESOURCE)["accessToken"]


def client(given, state):
    made = mma.AzureMachineLearningModelManagementAccount(
        BasicTokenAuthentication(state["token"]), given["subscription"], given["host"]
    )
    made._client.config.connection.verify = given["ca"]
    return made.model_management_accounts


def sku(account):
    return getattr(account.sku.name, "value", account.sku.name), account.sku.capacity


@step("an account is made")
def made(given, state):
    wanted = models.ModelManagementAccount("eastus2", {"of": "2018"}, skus.Sku("S1", 1), "made by a test")
    found = client(given, state).create_or_update("group", "compatible", wanted)
    assert found.model_management_swagger_location.startswith(given["host"])


@step("an account is read")
def read(given, state):
    found = client(given, state).get("group", "compatible")
    assert (found.name, found.location, sku(found)) == ("compatible", "eastus2", ("S1", 1))
    assert found.created_on is not None


@step("accounts are listed by group and by subscription")
def listed(given, state):
    for found in (
        client(given, state).list_by_resource_group("group"),
        client(given, state).list_by_subscription_id(),
    ):
        assert "compatible" in [one.name for one in found]


@step("an account's tags, SKU and description are changed")
def changed(given, state):
    wanted = updates.ModelManagementAccountUpdateProperties({"of": "now"}, skus.Sku("S2", 2), "changed")
    found = client(given, state).update("group", "compatible", wanted)
    assert (found.tags, sku(found)) == ({"of": "now"}, ("S2", 2))


@step("an account that is not there is refused (404)")
def missing(given, state):
    try:
        client(given, state).get("group", "nobodys")
    except errors.ErrorResponseException as error:
        assert error.response.status_code == 404
    else:
        raise AssertionError("it was found")


@step("an account is deleted")
def deleted(given, state):
    client(given, state).delete("group", "compatible")
    assert "compatible" not in [one.name for one in client(given, state).list_by_resource_group("group")]


run()
