"""`docs/compatibility.md`: each client's steps, as the last run has found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.compatibility.client import Client

PAGE: Final = Path(__file__).parents[2] / "docs" / "compatibility.md"
Outcomes = Mapping[str, str | None]
"""A step's words -> what went wrong; None: nothing."""
_HEAD: Final = """# Other people's clients

What Microsoft has published for the service of 2018, and its SDKs of today, run against a localcloud with
their code as it is published; where packages around it cannot be had any more, the client's section says so.
Each has an environment of its own in `.local/compatibility`, from a lock file in
`tools/compatibility`; names are resolved as by a resolver that asks localcloud's name server, port 443 leads
to the blob service, and localcloud's CA is trusted as each client has it. A command writes the page, and ends
with 1 where a step does not pass:

<!-- not here
make compatibility # it installs TensorFlow
-->

```sh
make compatibility
```

"""


def page(found: Mapping[str, Outcomes], clients: Sequence[Client]) -> str:
    """The page.

    Args:
        found: what became of each client's steps.
    """
    passed = sum(error is None for outcomes in found.values() for error in outcomes.values())
    total = sum(len(outcomes) for outcomes in found.values())
    rows = ["| client | packages | steps passed |", "|---|---|---|"]
    for client in clients:
        outcomes = found[client.name]
        good = sum(error is None for error in outcomes.values())
        rows.append(f"| {client.title} | {', '.join(client.versions)} | {good} of {len(outcomes)} |")
    parts = [_HEAD + f"**{passed} of {total} steps pass.**\n", "\n".join(rows) + "\n"]
    parts += [_section(client, found[client.name]) for client in clients]
    return "\n".join(parts)


def _section(client: Client, outcomes: Outcomes) -> str:
    lines = [f"## {client.title}", ""]
    if client.remark:
        lines += [client.remark, ""]
    lines += ["| step | |", "|---|---|"]
    lines += [f"| {step} | {'passed' if error is None else error} |" for step, error in outcomes.items()]
    return "\n".join(lines) + "\n"
