"""The policy pack, run by the real engine: what breaks a rule fails at the preview, else it passes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.bundle import Bundle
from certs.sources.self_signed import Authority, issue, new_authority
from infra.settings.reader import PROJECT_ROOT
from policy.rules import RESOURCE_RULES, STACK_RULES
from policy.stack import PRODUCTION
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

NOW = dt.datetime.now(dt.UTC)
PACK = ("--policy-pack", str(PROJECT_ROOT / "policy"))
DYNAMIC = "pulumi-python:dynamic/fpga:"

# The project's own program, but for what its settings and components would refuse, or never do.
PROGRAM = """\
import pulumi
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env
from infra.program import run

INPUTS, OPTIONS, FORGETS = {inputs!r}, {options!r}, {forgets!r}

def change(args):
    for name, value in OPTIONS.get(args.type_, OPTIONS.get("*", {{}})).items():
        setattr(args.opts, name, value)
    return pulumi.ResourceTransformationResult(
        {{**args.props, **INPUTS.get(args.type_, {{}})}}, args.opts
    )

pulumi.runtime.register_stack_transformation(change)
config = {{key: value for key, value in get_config_env().items() if key not in FORGETS}}
run(config, get_config_secret_keys_env())
"""

BROKEN = {
    "azure-native:resources:ResourceGroup": {"location": "West Europe"},
    "azure-native:resources:Resource": {"sku": {"name": "DevTest", "capacity": 1}},
    "azure-native:storage:StorageAccount": {"enable_https_traffic_only": False},
    "azure-native:storage:BlobContainer": {"public_access": "Blob"},
    "azure-native:dns:RecordSet": {"ttl": 5, "a_records": [{"ipv4Address": "203.0.113.9"}]},
}
BROKEN_OPTIONS = {f"{DYNAMIC}Keys": {"additional_secret_outputs": None}}

# rule: the resource that breaks it, what is wrong, the remedy
IN_ANY_STACK = {
    "eastus2-only": (
        "resource-group",
        "its location is 'West Europe'; FPGA services exist in eastus2 only",
        "Set fpga-web-service:location to eastus2.",
    ),
    "no-devtest": (
        "account",
        "its pricing tier is DevTest",
        "Set fpga-web-service:accountSku to S1, S2 or S3",
    ),
    "minimum-days-to-expiry": (
        "service",
        "in 9 days; 14 days are asked for",
        "Give the service a renewed one",
    ),
    "record-ttl-bounds": (
        "record",
        "its TTL is 5 seconds, not 60 to 3600",
        "Set fpga-web-service:recordTtl to 60 to 3600.",
    ),
    "record-points-at-service": (
        "record",
        "its address is not made from the service's endpoint",
        "Declare the record at the endpoint's ip.",
    ),
    "secrets-encrypted": (
        "keys",
        "primary_key and secondary_key would stand in plain",
        "Declare the resource with additional_secret_outputs that name them.",
    ),
    "storage-closed": (
        "storage",
        "packages may be read and written without TLS",
        "Set its enableHttpsTrafficOnly to True.",
    ),
}


class PolicyStack(ProgramStack):
    """A stack whose program can be told to do what a rule forbids."""

    def program(
        self,
        inputs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        forgets: tuple[str, ...] = (),
    ) -> None:
        """Writes the program: by type, inputs and options over those of the project's own (`*`: any type),
        and settings that it does not see.
        """
        folder = self.folder / "program"
        folder.mkdir(exist_ok=True)
        text = PROGRAM.format(inputs=inputs or {}, options=options or {}, forgets=forgets)
        (folder / "__main__.py").write_text(text)
        file = self.folder / "Pulumi.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"main": "program"}))

    def certificate(self, bundle: Bundle, authority: Authority) -> None:
        """Has the stack's own file carry a chain, whose authority is a private one."""
        roots = self.folder / "root.pem"
        roots.write_text(authority.certificate_pem)
        self.configure(
            {
                "fpga-web-service:certificateSource": "config",
                "fpga-web-service:certificateChain": bundle.certificate_pem,
                "fpga-web-service:rootsFile": str(roots),
            }
        )
        self.set_secret("fpga-web-service:certificateKey", bundle.key_pem)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("A private authority", NOW - dt.timedelta(days=100))


def violations(result: Result) -> dict[tuple[str, str], str]:
    """What each rule says of each resource, by its logical name."""
    found = {}
    for event in result.events:
        if one := event.get("policyEvent"):
            assert one["enforcementLevel"] == "mandatory"
            found[one["policyName"], one["resourceUrn"].split("::")[-1]] = one["message"]
    return found


@pytest.fixture(scope="module")
def make(make_stack: Callable[..., ProgramStack]) -> Callable[..., PolicyStack]:
    def make(name: str, config: Mapping[str, str] | None = None) -> PolicyStack:
        stack = make_stack(name, config)
        stack.__class__ = PolicyStack
        assert isinstance(stack, PolicyStack)
        return stack

    return make


@pytest.fixture(scope="module")
def broken(make: Callable[..., PolicyStack], authority: Authority) -> Result:
    """The preview of a stack that breaks every rule that there is for any stack, and nothing but those."""
    stack = make("broken")
    stack.program(BROKEN, BROKEN_OPTIONS)
    stack.certificate(issue(authority, [stack.fqdn], NOW - dt.timedelta(days=80)), authority)
    result = stack.preview(*PACK, code=None)
    assert stack.group not in stack.cloud.groups()
    assert [one for one in stack.resources() if one["type"] != "pulumi:pulumi:Stack"] == []
    return result


@pytest.mark.parametrize("rule", IN_ANY_STACK)
def test_a_broken_rule_fails_at_the_preview(broken: Result, rule: str) -> None:
    resource, wrong, remedy = IN_ANY_STACK[rule]

    message = violations(broken)[rule, resource]

    assert wrong in message
    assert remedy in message
    assert broken.code not in (0, None)
    assert f"[mandatory]  {rule}" in broken.text
    assert wrong in broken.text
    assert remedy in broken.text


def test_no_other_rule_is_broken_by_that(broken: Result) -> None:
    print(broken.text)
    assert {rule for rule, _ in violations(broken)} == set(IN_ANY_STACK)
    assert "Traceback" not in broken.text


@pytest.fixture(scope="module")
def good(make: Callable[..., PolicyStack]) -> PolicyStack:
    """A stack of the project's own program, brought up under the eyes of the pack."""
    stack = make("good")
    for result in (stack.preview(*PACK), stack.up(*PACK)):
        assert violations(result) == {}
        assert result.complaints == []
        assert passed(result) == {rule.name for rule in RESOURCE_RULES} | {rule.name for rule in STACK_RULES}
    return stack


def passed(result: Result) -> set[str]:
    """The rules that the engine says were asked and found nothing."""
    summaries = [
        event[name]
        for event in result.events
        for name in ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent")
        if name in event
    ]
    return {rule for summary in summaries for rule in summary.get("passed", [])}


def test_a_record_that_leads_elsewhere_fails_where_the_address_is_known(good: PolicyStack) -> None:
    ip = good.outputs()["ip"]
    good.program({"azure-native:dns:RecordSet": {"a_records": [{"ipv4Address": "203.0.113.9"}]}})

    refused = good.preview(*PACK, code=None)

    assert refused.code not in (0, None)
    assert set(violations(refused)) == {("record-points-at-service", "record")}
    assert f"it leads to 203.0.113.9; the service is at {ip}." in refused.text


def test_a_chain_that_is_not_known_at_the_preview_is_looked_at_again_by_the_update(
    good: PolicyStack, tmp_path: Path
) -> None:
    """A certificate that the stack issues itself has 90 days; more are asked for than it can have."""
    strict = tmp_path / "strict.json"
    strict.write_text(json.dumps({"minimum-days-to-expiry": {"minimumDays": 100}}))
    good.program()
    good.configure({"fpga-web-service:certificateGeneration": "2"})
    before = good.service()
    asked = (*PACK, "--policy-pack-config", str(strict))

    previewed = good.preview(*asked)
    refused = good.up(*asked, code=None)

    assert previewed.operations["certificate"] == "update"
    assert violations(previewed) == {}
    assert refused.code not in (0, None)
    assert "in 89 days; 100 days are asked for" in violations(refused)["minimum-days-to-expiry", "service"]
    assert "service" not in {name for name, op in refused.operations.items() if op != "same"}
    assert good.service() == before


IN_PRODUCTION = {
    "ssl-enabled-in-production": ("service", "SSL is off on a production stack", "sslEnabled to true"),
    "no-self-signed-in-production": (
        "development-ca",
        "a development authority issues the certificate of a production stack",
        "Set fpga-web-service:certificateSource to files, pfx, config or acme.",
    ),
    "production-protected": (
        "zone",
        "it is not protected on a production stack",
        "Set fpga-web-service:protect to true.",
    ),
}


@pytest.fixture(scope="module")
def broken_production(make: Callable[..., PolicyStack]) -> Result:
    """The preview of a production stack whose program does not look whether it is one."""
    stack = make("careless", {PRODUCTION: "true", "fpga-web-service:sslEnabled": "false"})
    stack.program(forgets=(PRODUCTION,))
    return stack.preview(*PACK, code=None)


@pytest.mark.parametrize("rule", IN_PRODUCTION)
def test_a_rule_for_production_fails_at_the_preview(broken_production: Result, rule: str) -> None:
    resource, wrong, remedy = IN_PRODUCTION[rule]

    message = violations(broken_production)[rule, resource]

    assert wrong in message
    assert remedy in message
    assert broken_production.code not in (0, None)
    assert f"[mandatory]  {rule}" in broken_production.text
    assert remedy in broken_production.text


def test_production_breaks_rules_for_production_alone(broken_production: Result) -> None:
    found = violations(broken_production)
    assert {rule for rule, _ in found} == set(IN_PRODUCTION)
    unprotected = {resource for rule, resource in found if rule == "production-protected"}
    assert unprotected == {"resource-group", "account", "storage", "packages", "zone", "service", "keys"}


def test_production_as_it_should_be_breaks_no_rule(
    make: Callable[..., PolicyStack], authority: Authority
) -> None:
    stack = make("careful", {PRODUCTION: "true", "fpga-web-service:protect": "true"})
    stack.certificate(issue(authority, [stack.fqdn], NOW), authority)
    result = stack.preview(*PACK)
    assert violations(result) == {}
    assert passed(result) >= set(IN_PRODUCTION)


def test_a_pack_s_configuration_that_cannot_be_is_refused(good: PolicyStack, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"minimum-days-to-expiry": {"minimumDays": -1}}))
    refused = good.preview(*PACK, "--policy-pack-config", str(file), code=None)
    assert refused.code not in (0, None)
    assert "minimum-days-to-expiry" in refused.text
    assert "minimumDays" in refused.text
