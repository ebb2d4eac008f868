"""Where a stack's state is and what encrypts its secrets: `stacks/Backend.STACK.yaml`, beside its settings.

Relative paths in the file start at the checkout; `.local/…` is the folder that FPGA_LOCAL may have moved.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, Project

PASSPHRASE: Final = "passphrase"  # noqa: S105 - a secrets provider's name
KEYS: Final = {
    "url": "Where the state is: azblob://CONTAINER?storage_account=NAME, or file://FOLDER",
    "secretsProvider": "What encrypts secrets: passphrase, or azurekeyvault://VAULT.vault.azure.net/keys/KEY",
    "passphraseFile": "With passphrase: the file that holds it, which is not committed",
    "policyPack": "Folder of the policy pack that previews and updates run",
    "policyPackConfig": "With policyPack: JSON file with the settings of its rules",
}
FILE_URL: Final = re.compile(r"file://.+")
AZBLOB: Final = re.compile(r"azblob://[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])?(/[^?#]*)?(\?[^#]+)?")
KEY_VAULT: Final = re.compile(r"azurekeyvault://[a-z0-9.-]+/keys/[A-Za-z0-9-]+(/[0-9a-f]+)?")
# the CLI takes a flag that is not given, such as --policy-pack, from a variable
POLICY_VARIABLE: Final = "PULUMI_OPTION_POLICY_PACK"
POLICY_CONFIG_VARIABLE: Final = "PULUMI_OPTION_POLICY_PACK_CONFIG"
STACK_VARIABLE: Final = "PULUMI_STACK"
_LOCAL: Final = ".local"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # what the CLI takes, and no option
_PASSPHRASE_VARIABLES: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


@dataclass(frozen=True)
class Backend:
    """A stack's backend. Paths are absolute.

    Attributes:
        url: as PULUMI_BACKEND_URL has it: azblob://CONTAINER?storage_account=NAME, or file:// and a path.
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


def backend_file(project: Project, stack: str) -> Path:
    """The file that declares the stack's backend."""
    return project.stack_file(stack).with_name(f"Backend.{stack}.yaml")


def roots_file(project: Project, stack: str) -> Path:
    """The bundle that SSL_CERT_FILE names while this stack's own localcloud is called; it may not exist."""
    return project.local / "roots" / f"{stack}.pem"


def read(project: Project, stack: str) -> Backend:
    """The stack's backend, checked. That of the stack `local` is the checkout's own, and has no file.

    Raises:
        CommandError: there is no file, or what it says cannot be used; the message names it and the remedy.
    """
    if stack == DEFAULT_STACK:
        return own(project)
    if not _NAME.fullmatch(stack):
        raise CommandError(
            f"No stack can be called '{stack}': its name takes letters, digits, hyphens, underscores and "
            f"periods. The stacks are {', '.join(_stacks(project))}."
        )
    file = backend_file(project, stack)
    try:
        text = file.read_text()
    except FileNotFoundError:
        raise CommandError(
            f"{file} is not there: it says where the state of the stack {stack} is. "
            f"`fpga stack new {stack}` writes one; the stacks are {', '.join(_stacks(project))}."
        ) from None
    return parse(project, text, str(file))


def parse(project: Project, text: str, origin: str) -> Backend:
    """What a backend's file says.

    Raises:
        CommandError: it cannot be used; the message begins with the origin and tells every problem.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandError(f"{origin} is not YAML: {error}") from None
    problems: list[str] = []
    found = _checked(project, content, problems)
    if found is None or problems:
        raise CommandError("\n  - ".join((f"{origin} cannot be used:", *problems)))
    return found


def own(project: Project) -> Backend:
    """The checkout's own: a folder and a passphrase in `.local`."""
    return Backend(f"file://{project.local / 'state'}", PASSPHRASE, project.local / "passphrase", None)


def environment(project: Project, stack: str, *, signed_in: bool = True) -> dict[str, str]:
    """All variables to run `pulumi … --stack STACK` with: those of the engine, and of the stack's backend.

    A passphrase of the caller's (PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE) goes before the
    file that the backend names, except with the stack `local`. With azblob:// the key of the storage account
    is among them, where who deploys may ask for it (`fpga.state_account`).

    Args:
        signed_in: False: for who makes the backend: the passphrase may be missing, and nothing signs in.

    Raises:
        CommandError: the backend's file cannot be used, there is no passphrase, or no such storage account.
        SettingsError, ClientError: of azblob://: the stack's cloud cannot be signed in to, or refuses.
    """
    import engine

    backend = read(project, stack)
    variables = engine.environment(project.local)
    variables["PULUMI_BACKEND_URL"] = backend.url
    variables["FPGA_LOCAL"] = str(project.local)  # where the program finds what settings name as `.local/…`
    for name in (*_PASSPHRASE_VARIABLES, POLICY_VARIABLE, POLICY_CONFIG_VARIABLE, STACK_VARIABLE):
        variables.pop(name, None)
    variables |= _passphrase(project, stack, backend, required=signed_in)
    if backend.policy_pack is not None:
        variables[POLICY_VARIABLE] = str(backend.policy_pack)
    if backend.policy_pack_config is not None:
        variables[POLICY_CONFIG_VARIABLE] = str(backend.policy_pack_config)
    roots = roots_file(project, stack)
    if roots.is_file():
        variables["SSL_CERT_FILE"] = str(roots)
    elif Path(variables.get("SSL_CERT_FILE", "")).parent == roots.parent:  # another stack's
        del variables["SSL_CERT_FILE"]
    if signed_in and backend.url.startswith("azblob:"):
        _sign_in(project, stack, backend, variables)
    return variables


def _sign_in(project: Project, stack: str, backend: Backend, variables: dict[str, str]) -> None:
    from fpga import stack_settings, state_account, state_container

    for name in state_container.VARIABLES:
        variables.pop(name, None)
    variables |= state_account.sign_in(
        backend.url,
        lambda: stack_settings.azure(project, stack, variables),
        os.environ,
        ca_file=variables.get("SSL_CERT_FILE"),
    )


def shell(project: Project, stack: str, *, signed_in: bool = False) -> str:
    """What selects the stack in a POSIX shell, to be evaluated: the same variables.

    Args:
        signed_in: with what signs in to the state, a secret, and only if there is a passphrase.

    Raises:
        CommandError, SettingsError, ClientError: as with `environment`.
    """
    from engine import activation
    from fpga import state_container

    variables = environment(project, stack, signed_in=signed_in)
    names = [*activation.settings(project.local), POLICY_VARIABLE, POLICY_CONFIG_VARIABLE, "SSL_CERT_FILE"]
    if signed_in and variables["PULUMI_BACKEND_URL"].startswith("azblob:"):
        names += [name for name in state_container.VARIABLES if name in {*variables, *os.environ}]
    lines = [_assignment(name, variables.get(name)) for name in names]
    if stack == DEFAULT_STACK:
        # a passphrase of the caller's stays for the others
        lines.append(_assignment("PULUMI_CONFIG_PASSPHRASE", None))
    lines.append(_assignment(STACK_VARIABLE, None if stack == DEFAULT_STACK else stack))
    return "".join(f"{line}\n" for line in lines)


def callers_passphrase(project: Project) -> dict[str, str]:
    """The variable with which the caller gives a passphrase; none: they give none.

    A file in `.local` is not theirs: an activated shell names that of the stack that it was activated for.
    """
    word, file = (os.environ.get(name) for name in _PASSPHRASE_VARIABLES)
    if word is not None:
        return {"PULUMI_CONFIG_PASSPHRASE": word}
    if file and project.local not in Path(file).parents:
        return {"PULUMI_CONFIG_PASSPHRASE_FILE": file}
    return {}


def _assignment(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _passphrase(project: Project, stack: str, backend: Backend, *, required: bool) -> dict[str, str]:
    """The variable that has, or leads to, the passphrase."""
    if backend.passphrase_file is None:
        return {}
    if stack != DEFAULT_STACK:
        given = callers_passphrase(project)
        if given:
            return given
        if not backend.passphrase_file.is_file():
            if not required:
                return {}
            raise CommandError(
                f"The passphrase of the stack {stack} is missing: put it into {backend.passphrase_file} "
                "(mode 0600), or into the variable PULUMI_CONFIG_PASSPHRASE. For a stack that is not there "
                f"yet, `fpga stack init {stack}` makes one."
            )
    return {"PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.passphrase_file)}


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
        passphrase_file=_path(project, file) if file else None,
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
        return f"file://{_path(project, url.removeprefix('file://'))}"
    if not AZBLOB.fullmatch(url):
        problems.append(f"url is '{url}': it takes azblob://CONTAINER?storage_account=NAME, or file://FOLDER")
    return url


def _policy_pack(project: Project, written: str | None, problems: list[str]) -> Path | None:
    if written is None:
        return None
    folder = _path(project, written)
    if not (folder / "PulumiPolicy.yaml").is_file():
        problems.append(f"policyPack is '{written}': there is no PulumiPolicy.yaml in {folder}")
    return folder


def _policy_pack_config(project: Project, given: Mapping[str, str], problems: list[str]) -> Path | None:
    written = given.get("policyPackConfig")
    if written is None:
        return None
    file = _path(project, written)
    if "policyPack" not in given:
        problems.append("policyPackConfig is not used without policyPack: set that, or remove this")
    elif not file.is_file():
        problems.append(f"policyPackConfig is '{written}': there is no file {file}")
    return file


def _path(project: Project, written: str) -> Path:
    path = Path(written).expanduser()
    if path.parts[:1] == (_LOCAL,):
        return project.local.joinpath(*path.parts[1:])
    return project.checkout / path


def _stacks(project: Project) -> list[str]:
    files = project.stack_file(DEFAULT_STACK).parent.glob("Backend.*.yaml")
    return sorted({DEFAULT_STACK, *(file.name.split(".")[1] for file in files)})
