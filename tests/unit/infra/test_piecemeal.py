"""The azure-native SDK piece by piece: the same classes, and the whole of it where a piece is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import json, sys
from infra import piecemeal
piecemeal.install()
{body}
"""

OF_THE_PROGRAM = """
from pulumi_azure_native import Provider, dns, resources, storage
dns.Zone, dns.RecordSet, dns.ARecordArgs, dns.CaaRecordArgs, dns.CnameRecordArgs, dns.get_zone
resources.ResourceGroup, resources.Resource, resources.SkuArgs
storage.StorageAccount, storage.BlobContainer, storage.SkuArgs, storage.Kind, storage.PublicAccess
print(json.dumps(sorted(name for name in sys.modules if name.startswith("pulumi_azure_native."))))
"""

SAME = """
from pulumi_azure_native import dns, storage
early = {name: getattr(dns, name) for name in ("Zone", "ARecordArgs", "get_zone", "outputs")}
kind = storage.Kind
try:
    dns.NoSuchThing
except AttributeError as error:
    told = str(error)
whole = {name: getattr(dns, name) for name in early}
has_more = hasattr(dns, "DnssecConfig")
print(json.dumps([early == whole, callable(dns.get_zone), kind is storage.Kind, told, has_more]))
"""


def _printed(body: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_only_the_modules_of_what_is_used_are_loaded() -> None:
    loaded = _printed(OF_THE_PROGRAM)
    assert "pulumi_azure_native.dns.zone" in loaded
    assert "pulumi_azure_native.dns.dnssec_config" not in loaded
    assert "pulumi_azure_native.resources.deployment" not in loaded
    assert "pulumi_azure_native.storage.file_share" not in loaded


def test_what_no_module_has_by_its_name_is_looked_for_in_all() -> None:
    same, callable_, same_kind, told, has_more = _printed(SAME)
    assert same
    assert callable_
    assert same_kind
    assert told == "module 'pulumi_azure_native.dns' has no attribute 'NoSuchThing'"
    assert has_more


def test_a_package_that_is_loaded_already_is_left_alone() -> None:
    body = """
import pulumi_azure_native
del sys.modules["infra.piecemeal"]
from infra import piecemeal
piecemeal.install()
print(json.dumps(type(sys.modules["pulumi_azure_native"]).__name__))
"""
    script = "import pulumi_azure_native\n" + SCRIPT.format(body=body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == "module"
