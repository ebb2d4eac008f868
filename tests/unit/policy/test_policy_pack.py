"""The rules as the engine gets them: by the SDK's own servicer, with requests as the engine makes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import proto
from pulumi_policy import EnforcementLevel
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.policy import _PolicyAnalyzerServicer
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policy import pack, stack
from policy.rules import RESOURCE_RULES, STACK_RULES
from policy.rules.rule import UNKNOWN, ResourceRule, StackRule, unversioned
from policy.rules.tokens import DEVELOPMENT_CA, ENDPOINT, GENERIC_RESOURCE, RECORD_SET, SERVICE

ROOT = Path(__file__).resolve().parents[3]
RULES: tuple[ResourceRule | StackRule, ...] = (*RESOURCE_RULES, *STACK_RULES)
PROPERTIES = [
    "location",
    "sku",
    "ssl_enabled",
    "ssl_certificate",
    "ttl",
    "publicAccess",
    "allowBlobPublicAccess",
    "enableHttpsTrafficOnly",
    "minimumTlsVersion",
]


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with a pack that was told nothing, and leaves the SDK as it was."""
    from pulumi_policy import policy

    monkeypatch.setattr(stack, "_told", None)
    monkeypatch.setattr(policy, "_PolicyAnalyzerServicer", _PolicyAnalyzerServicer)


def servicer() -> Any:
    stack.listen()
    from pulumi_policy import policy

    made: Any = policy._PolicyAnalyzerServicer(
        pack.NAME, "1.0.0", [*pack.policies()], EnforcementLevel.MANDATORY
    )
    settings = {
        rule.name: {name: schema["default"] for name, schema in rule.settings.items()} for rule in RULES
    }
    request = proto.ConfigureAnalyzerRequest()
    for name, values in settings.items():
        request.policyConfig[name].enforcementLevel = proto.MANDATORY
        request.policyConfig[name].properties.update(values)
    made.Configure(request, None)
    return made


def told(serving: Any, config: dict[str, str]) -> Any:
    serving.ConfigureStack(proto.AnalyzerStackConfigureRequest(stack="test", config=config), None)
    return serving


def analyzed(
    serving: Any, type_token: str, props: dict[str, Any], urn: str = "urn", parent: str = ""
) -> dict[str, str]:
    request = proto.AnalyzeRequest(
        type=type_token, urn=urn, name="it", options=proto.AnalyzerResourceOptions(parent=parent)
    )
    request.properties.update(props)
    return {one.policyName: one.message for one in serving.Analyze(request, None).diagnostics}


def test_each_rule_is_a_mandatory_policy() -> None:
    info = servicer().GetAnalyzerInfo(None, None)
    assert [one.name for one in info.policies] == [rule.name for rule in RULES]
    assert {one.enforcementLevel for one in info.policies} == {proto.MANDATORY}
    for one in info.policies:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", one.name)
        assert one.description.endswith(".")
    schemas = {
        one.name: set(one.configSchema.properties) for one in info.policies if one.configSchema.properties
    }
    assert schemas == {
        "minimum-days-to-expiry": {"minimumDays"},
        "record-ttl-bounds": {"minimumSeconds", "maximumSeconds"},
    }


def test_the_stack_s_own_setting_tells_production() -> None:
    off = {"ssl_enabled": False}
    keys = {"secrets-encrypted"}  # no options are given here
    assert set(analyzed(told(servicer(), {stack.PRODUCTION: "true"}), SERVICE, off)) == keys | {
        "ssl-enabled-in-production",
        "production-protected",
    }
    assert set(analyzed(told(servicer(), {stack.PRODUCTION: "false"}), SERVICE, off)) == keys
    assert set(analyzed(told(servicer(), {"other:production": "true"}), SERVICE, off)) == keys


def test_a_stack_that_nobody_told_of_is_not_passed() -> None:
    with pytest.raises(RuntimeError, match="has not told the policy pack the stack's configuration"):
        analyzed(servicer(), DEVELOPMENT_CA, {})


def test_what_is_told_is_not_kept() -> None:
    told(servicer(), {stack.PRODUCTION: "true", "azure-native:clientSecret": "s3cret"})
    assert "s3cret" not in repr(vars(stack))


def test_a_value_that_is_not_known_breaks_no_rule() -> None:
    for rule in RESOURCE_RULES:
        for token in rule.types:
            unknown = dict.fromkeys(PROPERTIES, UNKNOWN_STRING_VALUE)
            found = analyzed(told(servicer(), {}), token, unknown)
            assert set(found) <= {"secrets-encrypted"}


def test_a_message_begins_with_what_the_rule_asks_for() -> None:
    found = analyzed(told(servicer(), {}), GENERIC_RESOURCE, {"location": "eastus"})
    assert found["eastus2-only"].startswith("The account, its resource group and the storage of its models")
    assert "\nits location is 'eastus'; FPGA services exist in eastus2 only." in found["eastus2-only"]


ENDPOINTS = "urn:pulumi:test::fpga-web-service::fpga:index:ScoringEndpoint"


def test_a_message_names_the_service_where_there_are_several() -> None:
    off = {"ssl_enabled": False}
    rule = "ssl-enabled-in-production"
    serving = told(servicer(), {stack.PRODUCTION: "true"})
    of_cats = analyzed(serving, SERVICE, off, parent=f"{ENDPOINTS}::cats")[rule]
    assert "\nservice cats: SSL is off on a production stack" in of_cats
    for parent in (f"{ENDPOINTS}::scoring-endpoint", ""):
        alone = analyzed(serving, SERVICE, off, parent=parent)[rule]
        assert "\nSSL is off on a production stack" in alone


def stack_findings(serving: Any, *resources: tuple[str, str, str, dict[str, Any]]) -> dict[str, str]:
    """The findings of a whole stack: URN -> message, of resources as (type, name, parent, properties)."""
    request = proto.AnalyzeStackRequest()
    for type_token, name, parent, props in resources:
        one = request.resources.add(
            type=type_token, urn=f"urn:pulumi:test::fpga-web-service::{type_token}::{name}", name=name
        )
        one.parent = parent
        one.properties.update(props)
    return {one.urn: one.message for one in serving.AnalyzeStack(request, None).diagnostics}


def test_a_record_leads_to_its_own_service_and_to_no_other() -> None:
    """An address of another service of the stack is a stray one, too."""
    component = "fpga:index:ScoringEndpoint"

    def service(name: str, ip: str, record: str) -> list[tuple[str, str, str, dict[str, Any]]]:
        inside = f"{ENDPOINTS}::{name}"
        records = {"aRecords": [{"ipv4Address": record}]}
        return [
            (component, name, "", {}),
            (ENDPOINT, f"{name}-endpoint", inside, {"ip": ip}),
            (RECORD_SET, f"{name}-record", inside, records),
        ]

    one, other = "203.0.113.7", "203.0.113.8"
    by_any = (RECORD_SET, "by-any", "", {"aRecords": [{"ipv4Address": one}, {"ipv4Address": other}]})
    serving = told(servicer(), {})
    right = [*service("cats", one, one), *service("dogs", other, other), by_any]
    assert stack_findings(serving, *right) == {}
    crossed = [*service("cats", one, other), *service("dogs", other, other), by_any]
    ((urn, message),) = stack_findings(serving, *crossed).items()
    assert urn.endswith("::cats-record")
    assert f"service cats: it leads to {other}; the service is at {one}." in message


def test_an_api_version_in_a_type_does_not_hide_a_resource() -> None:
    assert unversioned("azure-native:dns/v20230701preview:RecordSet") == "azure-native:dns:RecordSet"
    versioned = GENERIC_RESOURCE.replace("resources:", "resources/v20240301:")
    assert set(analyzed(told(servicer(), {}), versioned, {"location": "eastus"})) == {"eastus2-only"}


def test_resources_of_other_types_are_not_looked_at() -> None:
    assert analyzed(told(servicer(), {}), "azure-native:web:WebApp", {"location": "eastus"}) == {}


def test_the_sdk_s_proxies_become_plain_data() -> None:
    props = {"a": [UNKNOWN_STRING_VALUE, {"b": UNKNOWN_STRING_VALUE, "c": "text"}], "d": 1.0}
    assert pack.plain(unknown_checking_proxy(props)) == {
        "a": [UNKNOWN, {"b": UNKNOWN, "c": "text"}],
        "d": 1.0,
    }


def test_a_secret_of_a_resource_is_in_no_message() -> None:
    secret = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": "s3cret"}
    found = analyzed(told(servicer(), {}), SERVICE, {"ssl_certificate": secret, "ssl_key": secret})
    assert set(found) == {"minimum-days-to-expiry", "secrets-encrypted"}
    assert "s3cret" not in str(found)


def test_the_documentation_describes_each_rule_and_what_it_does_about_unknown_values() -> None:
    text = (ROOT / "docs" / "policy.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in text.splitlines() if line.startswith("| `")}
    for rule in RULES:
        assert rule.name in rows
        assert len(rows[rule.name].split("|")) == 6, "rule, asks for, not known, remedy"
        for setting, schema in rule.settings.items():
            assert f"`{setting}`" in text
            assert str(schema["default"]) in text


def test_the_pack_does_not_import_what_only_some_stacks_need() -> None:
    script = "import json, sys, policy.pack; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    modules = set(json.loads(done.stdout))
    assert "policy.rules" in modules
    assert not modules & {"cryptography.x509", "certs", "requests", "pulumi_azure_native"}
    ours = {one for one in modules if one.partition(".")[0] in ("clients", "infra", "surroundings")}
    assert ours == {"infra", "infra.catalogue", "infra.service_names"}
