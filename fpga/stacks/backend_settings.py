"""The settings in `stacks/Backend.STACK.yaml`: where a stack's state is and what encrypts its secrets.

Relative paths in the file start at the checkout; `.local/…` is the folder that FPGA_LOCAL may have moved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.state_url import split, url_of
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import yaml_text

PASSPHRASE: Final = "passphrase"  # noqa: S105 - a secrets provider's name
KEYS: Final = {
    "url": "Where the state is: azblob://CONTAINER?storage_account=NAME, or file://FOLDER",
    "secretsProvider": "What encrypts secrets: passphrase, or azurekeyvault://VAULT.vault.azure.net/keys/KEY",
    "passphraseFile": "With passphrase: the file that holds it, which is not committed. "
    "PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, goes before it (CI)",
    "policyPack": "Folder of the policy pack that previews and updates run",
    "policyPackConfig": "With policyPack: JSON file with the settings of its rules",
}
FILE_URL: Final = re.compile(r"file://.+")
AZBLOB: Final = re.compile(r"azblob://[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])?(/[^?#]*)?(\?[^#]+)?")
KEY_VAULT: Final = re.compile(r"azurekeyvault://[a-z0-9.-]+/keys/[A-Za-z0-9-]+(/[0-9a-f]+)?")


@dataclass(frozen=True)
class Backend:
    """A stack's backend. Paths are absolute.

    Attributes:
        url: as PULUMI_BACKEND_URL has it: azblob://CONTAINER?storage_account=NAME, or file:// and a path,
            percent-encoded.
        secrets_provider: `passphrase`, or azurekeyvault://VAULT/keys/KEY.
        passphrase_file: with `passphrase`: where it is, unless the environment has one.
        policy_pack: folder of the policy pack that previews and updates run; None: none.
        policy_pack_config: JSON file with the settings of its rules; None: as the rules have them.
    """

    url: str
    secrets_provider: str
    passphrase_file: Path | None
    policy_pack: Path | None
    policy_pack_config: Path | None = None


def parse(project: Project, text: bytes | str, origin: str) -> Backend:
    """The backend that a file declares.

    Raises:
        CommandError: it cannot be used; the message begins with the origin and tells every problem.
    """
    content = yaml_text.load(text, origin)
    problems: list[str] = []
    found = _checked(project, content, problems)
    if found is None or problems:
        raise CommandError("\n  - ".join((f"{origin} cannot be used:", *problems)))
    return found


def _checked(project: Project, content: Any, problems: list[str]) -> Backend | None:
    if not isinstance(content, dict):
        problems.append(f"it holds no settings: write {', '.join(KEYS)}, each as `key: value`")
        return None
    for key in content:
        if key not in KEYS:
            problems.append(f"{key} is not a setting of a backend: known are {', '.join(KEYS)}")
    given = {key: content[key] for key in KEYS if content.get(key) is not None}
    for key, value in given.items():
        if not isinstance(value, str) or not value.strip():
            problems.append(f"{key} is {value!r}: it takes a text")
            return None
    provider = given.get("secretsProvider", PASSPHRASE)
    file = given.get("passphraseFile")
    if provider == PASSPHRASE and file is None:
        problems.append(
            "passphraseFile is not set: name a file that is not committed, such as .local/passphrases/NAME"
        )
    elif provider != PASSPHRASE and file is not None:
        problems.append(f"passphraseFile is not used with secretsProvider {provider}: remove it")
    if provider != PASSPHRASE and not KEY_VAULT.fullmatch(provider):
        problems.append(
            f"secretsProvider is '{provider}': it takes passphrase, or azurekeyvault://VAULT.vault.azure.net/keys/KEY"
        )
    return Backend(
        url=_url(project, given.get("url"), problems),
        secrets_provider=provider,
        passphrase_file=project.path(file) if file else None,
        policy_pack=_policy_pack(project, given.get("policyPack"), problems),
        policy_pack_config=_policy_pack_config(project, given, problems),
    )


def _url(project: Project, url: str | None, problems: list[str]) -> str:
    if url is None:
        problems.append(
            "url is not set: it says where the state is, such as azblob://CONTAINER?storage_account=NAME"
        )
        return ""
    if FILE_URL.fullmatch(url):
        path, parameters = split(url)
        return url_of(project.path(path), parameters)
    if not AZBLOB.fullmatch(url):
        problems.append(f"url is '{url}': it takes azblob://CONTAINER?storage_account=NAME, or file://FOLDER")
    return url


def _policy_pack(project: Project, written: str | None, problems: list[str]) -> Path | None:
    if written is None:
        return None
    folder = project.path(written)
    if not (folder / "PulumiPolicy.yaml").is_file():
        problems.append(f"policyPack is '{written}': there is no PulumiPolicy.yaml in {folder}")
    return folder


def _policy_pack_config(project: Project, given: Mapping[str, str], problems: list[str]) -> Path | None:
    written = given.get("policyPackConfig")
    if written is None:
        return None
    file = project.path(written)
    if "policyPack" not in given:
        problems.append("policyPackConfig is not used without policyPack: set that, or remove this")
    elif not file.is_file():
        problems.append(f"policyPackConfig is '{written}': there is no file {file}")
    return file
