"""No secret in plain: state, plans, events, output, searched by value, with the policy pack looking on.

The engine hands a policy pack the stack's configuration and every resource with their secrets in the clear.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from certs.bundle import Bundle
from certs.sources.self_signed import issue, new_authority
from infra.settings.reader import PROJECT_ROOT
from tests.support.stacks.local_cloud import API_VERSIONS
from tests.support.stacks.program_stack import ProgramStack

NOW = dt.datetime.now(dt.UTC)
PACK = ("--policy-pack", str(PROJECT_ROOT / "policy"))
PASSWORD = "a-pässword-of-a-container"
CIPHERTEXT = "4dabf18193072939515e22adb298388d"
"""What the engine marks an encrypted value with, in states and plans."""


@dataclass(frozen=True)
class Told:
    """All that a stack's life left behind, and the secrets that it may not have told.

    Attributes:
        texts: by where each was found.
        secrets: by what each is; of a key in PEM, a line from its middle, which survives any folding.
        clear: the state as someone who may have it decrypted sees it.
    """

    texts: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    clear: str = field(repr=False)


@pytest.fixture(scope="module")
def told(make_stack: Callable[..., ProgramStack], tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A stack with a development authority, then with a container; each planned, and its plan carried out."""
    stack = make_stack("secrets")
    texts: dict[str, str] = {}
    secrets, clear = {"client secret": stack.cloud.client_secret}, ""
    for source in ("self_signed", "pfx"):
        if source == "pfx":
            secrets |= take_container(stack, tmp_path_factory.mktemp("container"))
        texts |= {f"{name} ({source})": text for name, text in carry_out_a_plan(stack).items()}
        decrypted = stack.run("stack", "export", "--show-secrets", "--stack", stack.stack).stdout
        secrets |= {f"{name} ({source})": value for name, value in keys_in(json.loads(decrypted)).items()}
        clear += decrypted
    outputs = stack.outputs(show_secrets=True)
    secrets |= {"primary key": outputs["primaryKey"], "secondary key": outputs["secondaryKey"]}
    secrets["passphrase"] = Path(stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    (storage,) = [one for one in stack.resources() if one["type"].endswith(":StorageAccount")]
    listed = stack.cloud.client.manage("POST", f"{storage['id']}/listKeys", API_VERSIONS["Microsoft.Storage"])
    secrets |= {f"storage account's {key['keyName']}": key["value"] for key in listed["keys"]}
    texts["exported state"] = stack.state_text()
    texts |= {
        str(file): file.read_text(errors="replace")
        for folder in (stack.folder, stack.folder.parent / "state")
        for file in folder.rglob("*")
        if file.is_file()
    }
    texts["log of localcloud"] = (stack.cloud.settings.data / "localcloud.log").read_text()
    return Told(texts, secrets, clear)


def carry_out_a_plan(stack: ProgramStack) -> dict[str, str]:
    """Saves a plan while its events stream, and has it carried out; what all of that printed and wrote."""
    plan = stack.folder / "plan.json"
    streaming = {**stack.environment, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "1"}
    command = ["preview", "--stack", stack.stack, "--json", "--save-plan", str(plan), "--non-interactive"]
    previewed = subprocess.run(
        [stack.engine.pulumi, *command, *PACK], cwd=stack.folder, env=streaming, text=True, check=True,
        capture_output=True,
    )  # fmt: skip
    done = stack.up("--plan", str(plan), *PACK)
    assert done.complaints == []
    return {
        "streamed events": previewed.stdout,
        "stderr of the preview": previewed.stderr,
        "plan": plan.read_text(),
        "events of the update": json.dumps(done.events, ensure_ascii=False),
        "output of the update": done.text,
    }


def take_container(stack: ProgramStack, folder: Path) -> dict[str, str]:
    authority = new_authority("A private authority", NOW - dt.timedelta(days=1))
    bundle = issue(authority, [stack.fqdn], NOW)
    (folder / "root.pem").write_text(authority.certificate_pem)
    (folder / "tls.pfx").write_bytes(container(bundle))
    (folder / "tls.pfx").chmod(0o600)
    stack.configure(
        {
            "fpga-web-service:certificateSource": "pfx",
            "fpga-web-service:pfxFile": str(folder / "tls.pfx"),
            "fpga-web-service:rootsFile": str(folder / "root.pem"),
        }
    )
    stack.set_secret("fpga-web-service:pfxPassword", PASSWORD)
    return {"password of the container": PASSWORD, "key in the container": middle(bundle.key_pem)}


def container(bundle: Bundle) -> bytes:
    assert isinstance(bundle.key, ec.EllipticCurvePrivateKey)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(None, bundle.key, bundle.leaf, bundle.chain[1:], encryption)


def keys_in(state: dict[str, Any]) -> dict[str, str]:
    """The private keys in a state that is exported in the clear."""
    return {
        f"{name} of {resource['urn'].split('::')[-1]}": middle(json.loads(value["plaintext"]))
        for resource in state["deployment"]["resources"]
        for name in ("key", "ca_key", "ssl_key")
        if (value := resource.get("outputs", {}).get(name))
    }


def middle(pem: str) -> str:
    return pem.splitlines()[1]


def test_the_secrets_are_those_that_there_are(told: Told) -> None:
    """And they are found where they are in the clear: the search would see them."""
    assert sorted(told.secrets) == [
        "ca_key of certificate (self_signed)",
        "client secret",
        "key in the container",
        "key of certificate (self_signed)",
        "key of development-ca (self_signed)",
        "passphrase",
        "password of the container",
        "primary key",
        "secondary key",
        "ssl_key of service (pfx)",
        "ssl_key of service (self_signed)",
        "storage account's key1",
        "storage account's key2",
    ]
    assert all(len(value) >= 16 for value in told.secrets.values())
    outside = {"passphrase", "storage account's key1", "storage account's key2"}
    assert {what for what, value in told.secrets.items() if value not in told.clear} == outside


def test_no_secret_is_in_state_plan_events_or_output(told: Told) -> None:
    found = [
        (what, where)
        for what, value in told.secrets.items()
        for where, text in told.texts.items()
        if value in text or json.dumps(value)[1:-1] in text
    ]
    assert found == []


def test_what_was_searched_is_what_could_have_told(told: Told) -> None:
    for source in ("self_signed", "pfx"):
        assert "policyEvent" in told.texts[f"streamed events ({source})"] or (
            "policyAnalyzeSummaryEvent" in told.texts[f"streamed events ({source})"]
        )
        assert '"resourcePreEvent"' in told.texts[f"streamed events ({source})"]
        assert '"resourcePreEvent"' in told.texts[f"events of the update ({source})"]
        assert CIPHERTEXT in told.texts[f"plan ({source})"]
    assert CIPHERTEXT in told.texts["exported state"]


def test_no_key_and_no_signed_address_is_anywhere(told: Told) -> None:
    """Whatever its value: private keys in PEM, signatures of shared access (SAS)."""
    telling = re.compile(r"PRIVATE KEY-----|[?&]sig=[A-Za-z0-9%]")
    assert [where for where, text in told.texts.items() if telling.search(text)] == []
