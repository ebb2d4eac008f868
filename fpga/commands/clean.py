"""`fpga clean`."""

from __future__ import annotations

import shutil

import typer

from fpga.errors import CommandError
from fpga.project import DEFAULT_STACK, Project

_TOOLS = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache")


def clean() -> None:
    """Stop localcloud and remove all that was made in this checkout: what it holds, the stack, the engine.

    Passphrases of a team's stacks are never removed: it refuses while there are any.
    Only what ran here goes: a stack that points to another cloud must be destroyed first, for its state goes
    too. The per-user cache, shared by all checkouts, stays; its folder is told.
    """
    from engine import cache
    from fpga.cloud import ending

    project = Project.here()
    _require_no_passphrases(project)
    for data in project.clouds:
        ending.stop(data)
    shared = cache.root()
    if project.is_own:
        project.stack_file(DEFAULT_STACK).unlink(missing_ok=True)
        for name in _TOOLS:
            shutil.rmtree(project.checkout / name, ignore_errors=True)
        for folder in project.checkout.iterdir():
            if not folder.name.startswith("."):
                for bytecode in folder.rglob("__pycache__"):
                    shutil.rmtree(bytecode, ignore_errors=True)
    typer.echo(f"Removing {project.local}. The shared cache {shared} stays.")
    # Last: it holds the Python that runs this.
    if project.local.exists():
        cache.remove(project.local)


def _require_no_passphrases(project: Project) -> None:
    """Refuses to remove passphrases: secrets are lost without them, and these may be the only copies."""
    folder = project.local / "passphrases"
    kept = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    if kept:
        raise CommandError(
            f"{folder} holds the passphrases of {', '.join(kept)}, without which their secrets are lost: "
            "keep them elsewhere, remove the folder, and run this again."
        )
