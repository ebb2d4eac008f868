"""Completion of `--service`: the names in a stack's list of services."""

from __future__ import annotations

import typer

from fpga.commands.stack_option import default


def named(context: typer.Context, incomplete: str) -> list[str]:
    """The services that a name could go on to, by the stack's file; neither engine nor cloud is asked."""
    import json

    from fpga.errors import CommandError
    from fpga.project import Project
    from fpga.stacks import yaml_text
    from fpga.stacks.service_items import SERVICES, items

    file = Project.here().stack_file(context.params.get("stack") or default())
    try:
        content = yaml_text.load(file.read_bytes(), str(file))
        told = json.dumps(content["config"][SERVICES])
    except (OSError, CommandError, KeyError, TypeError):
        return []  # a person who presses the tabulator is told nothing else
    return sorted(one.name for one in items({SERVICES: told}) if one.name.startswith(incomplete))
