"""The DNS names of storage accounts, and the zones that answer for them."""

from __future__ import annotations

from urllib.parse import urlsplit

import dns.name
import dns.rdatatype
import pytest

from localcloud.blob import names
from localcloud.dns.blob_zones import BlobZones
from localcloud.modelmanagement.own_accounts import OwnAccounts

NAMED = names.suffixes("Cloud.Contoso.test.", None, "10.0.0.5", "localhost")


def test_an_address_is_no_suffix_and_a_name_comes_first() -> None:
    assert NAMED == ("cloud.contoso.test", "core.localhost", "core.windows.net")
    assert names.suffixes(None, "127.0.0.1") == ("core.localhost", "core.windows.net")


@pytest.mark.parametrize(
    ("host", "account"),
    [
        ("fpga0123.blob.core.windows.net", "fpga0123"),
        ("FPGA0123.Blob.Core.Windows.Net.", "fpga0123"),
        ("fpga0123-secondary.blob.core.localhost", "fpga0123-secondary"),
        ("fpga0123.blob.cloud.contoso.test", "fpga0123"),
        ("fpga0123.table.core.windows.net", None),
        ("fpga0123.blob.core.windows.net.example", None),
        ("a.fpga0123.blob.core.windows.net", None),
        ("blob.core.windows.net", None),
        ("cloud.contoso.test", None),
        ("fp.blob.core.windows.net", None),
        ("fpga_0123.blob.core.windows.net", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_whose_a_name_is(host: str, account: str | None) -> None:
    assert names.account_of(host, NAMED) == account


def test_a_server_told_by_its_name_is_an_alias_in_dns() -> None:
    found = BlobZones("cloud.contoso.test", NAMED).beside({}, ["fpga0123"])
    assert len(found) == 2 * len(NAMED)
    name = dns.name.from_text("fpga0123.blob.core.windows.net")
    assert found[name].origin == name
    assert list(found[name].nodes[name]) == [dns.rdatatype.CNAME], "an alias has nothing beside it"
    assert str(found[name].nodes[name][dns.rdatatype.CNAME][0]) == "cloud.contoso.test."


PLACE = "127.0.0.1:20001"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://held.blob.core.windows.net/c/a%2520b?sig=s", f"https://{PLACE}/held/c/a%2520b?sig=s"),
        ("https://held.blob.core.windows.net:443/c/b", f"https://{PLACE}/held/c/b"),
        ("https://held.blob.core.localhost:20001/c/b", f"https://{PLACE}/held/c/b"),
        ("https://held-secondary.blob.core.windows.net/c/b", f"https://{PLACE}/held-secondary/c/b"),
        ("https://user:word@held.blob.core.windows.net/c/b", f"https://{PLACE}/held/c/b"),
        ("https://other.blob.core.windows.net/c/b", None),
        ("https://held.blob.core.windows.net:8443/c/b", None),
        ("http://held.blob.core.windows.net/c/b", None),
        ("https://held.blob.core.windows.net.example/c/b", None),
    ],
)
def test_where_a_blob_of_an_own_account_is_asked_for(url: str, asked: str | None) -> None:
    own = OwnAccounts(NAMED, PLACE, lambda account: account == "held")
    found = own.path_style(urlsplit(url))
    assert (None if found is None else found.geturl()) == asked
