"""The variables under which the CLI, the program and the plugins run: in subprocesses and in a shell."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

BUNDLE = "ca-bundle.pem"


def python() -> Path:
    """The Python that everything was installed for: the one of the virtual environment that runs this."""
    return Path(sys.executable)


def settings(local: Path) -> dict[str, str]:
    """The variables that are the same in every shell; `PATH` and `SSL_CERT_FILE` are not among them."""
    return {
        "PULUMI_HOME": str(local / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{local / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(local / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The dynamic provider's launcher, and the official language host, would take the first python3 on
        # PATH.
        "PULUMI_PYTHON_CMD": str(python()),
    }


def environment(local: Path) -> dict[str, str]:
    """This process's variables with those of the engine in `local` over them, to run `pulumi` with.

    `SSL_CERT_FILE` names `local`'s bundle of roots where that file exists, and is left alone where not.
    """
    local = local.absolute()
    variables = {**os.environ, **settings(local)}
    # A passphrase of the shell's would go before the file of the stack's own.
    variables.pop("PULUMI_CONFIG_PASSPHRASE", None)
    first = [str(local / "bin"), str(python().parent)]
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in first]
    variables["PATH"] = os.pathsep.join([*first, *rest])
    if (local / BUNDLE).exists():
        variables["SSL_CERT_FILE"] = str(local / BUNDLE)
    return variables


def script(local: Path) -> str:
    """The text of `activate`: the same variables for a POSIX shell that sources it, from any folder."""
    first = f"{local / 'bin'}:{python().parent}"
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in settings(local).items())
    bundle = shlex.quote(str(local / BUNDLE))
    return f"""\
# To be sourced by a POSIX shell: `. .local/activate`. Made by `python -m engine install`.
case "$PATH" in
    {shlex.quote(first)}:*) ;;
    *) PATH={shlex.quote(first)}:"$PATH" ;;
esac
export PATH
unset PULUMI_CONFIG_PASSPHRASE
{exports}
if [ -f {bundle} ]; then export SSL_CERT_FILE={bundle}; fi
"""
