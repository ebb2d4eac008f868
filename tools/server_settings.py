"""`docs/server-settings.md`, made from the table of localcloud's settings."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

from localcloud.configuration import table
from localcloud.configuration.table import Setting
from localcloud.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "server-settings.md"
_HEAD = """\
# Settings of a localcloud

Each setting is a key in the file of `fpga cloud up --config FILE` (and of `python -m localcloud serve
--config FILE`), and an option of both commands under the same name. An option wins over the file. Without
either, everything listens on loopback. This page is made from the table in `localcloud/settings.py`; `make
settings` writes it anew.

```yaml
# cloud.yaml
host: 10.0.0.5
name: models.contoso.com
public: true
httpsPort: 443
dnsPort: 53
scoringNetwork: 10.0.0.5
scoringPort: 20000
```

The file is YAML, a flat mapping. It holds no secret, only paths of files that do; a relative path goes from
the folder that the file is in. Keys that nobody knows, keys that stand twice and values of another kind are
refused before anything is started, all of them together, each with its line. After an upgrade, a restart in
place reads the file anew and keeps the options that stood beside it.
"""


def page() -> str:
    """The page as it is to be."""
    parts = [_HEAD]
    for section, settings in itertools.groupby(table.of(Settings).values(), lambda one: one.section):
        rows = ["| Key | Option | Value | Without it |", "|---|---|---|---|"]
        rows += [_row(one) for one in settings]
        parts.append(f"## {section}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Writes the page; with `--check` it says whether that would change it."""
    parser = argparse.ArgumentParser(prog="python -m tools.server_settings", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where it is out of date")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        print(f"{PAGE} is out of date: `make settings` writes it anew.", file=sys.stderr)
        return 1
    return 0


def _row(setting: Setting) -> str:
    option = f"`{setting.option}`" if setting.kind.is_switch else f"`{setting.option} {setting.kind.metavar}`"
    default = setting.shown_default or ("`fpga cloud up` finds it" if setting.is_filled else "")
    if setting.kind.is_switch:
        default = str(setting.default).lower()
    cells = (f"`{setting.key}`", option, f"{setting.about}: {setting.kind.shape}", default)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
