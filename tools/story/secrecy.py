"""Looking for secrets by their value in everything that the story leaves for others to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tools.story.narrator import StoryError
from tools.story.team import STACKS, Team

_SHORTEST: Final = 8  # characters: a shorter text would be found by chance


def search(team: Team) -> None:
    """Looks through plans, comment, findings, the log, and what the localclouds logged.

    Raises:
        StoryError: a secret stands in one of them.
    """
    team.narrator.act("6. No secret was told")
    files = [*team.artifacts.iterdir(), team.log, *(team.folder / "clouds").glob("*/*.log")]
    secrets = known(team)
    found = found_in(files, secrets)
    if found:
        raise StoryError("Secrets were told: " + "; ".join(found))
    team.narrator.tell(f"{len(secrets)} secret texts, in none of {len(files)} files.")


def known(team: Team) -> dict[str, str]:
    """Every secret of the story, by what it is called: in texts that would give it away."""
    secrets: dict[str, str] = {}
    for stack in STACKS:
        secrets |= marks(f"{stack}'s client secret", team.client_secret(stack))
        outputs = json.loads(team.pulumi(stack, "stack", "output", "--json", "--show-secrets", shown=False))
        for service, keys in outputs["serviceKeys"].items():
            for name, secret in keys.items():
                secrets |= marks(f"{stack}'s {name} of {service}", secret)
        for file in (team.folder / "certificates" / stack).glob("*/key-*.pem"):
            secrets |= marks(f"{stack}'s {file.name} of {file.parent.name}", file.read_text())
        secrets |= marks(f"{stack}'s storage key", team.state_key(stack))
        passphrase = team.local / "passphrases" / stack
        secrets |= marks(f"{stack}'s passphrase", passphrase.read_text())
    return secrets


def marks(name: str, secret: str) -> dict[str, str]:
    """Texts that give a secret away, by what they are called: each line of it that is no PEM label."""
    lines = [line.strip() for line in secret.splitlines()]
    told = [line for line in lines if len(line) >= _SHORTEST and not line.startswith("-----")]
    return {f"{name}, line {number}": line for number, line in enumerate(told, start=1)}


def found_in(files: Iterable[Path], secrets: Mapping[str, str]) -> list[str]:
    """The secrets that stand in files: a few words for each, which do not quote it."""
    wanted = {name: text.encode() for name, text in secrets.items()}
    complaints: list[str] = []
    for file in sorted(files):
        content = file.read_bytes()
        complaints += [f"{file.name}: {name}" for name, text in wanted.items() if text in content]
    return complaints
