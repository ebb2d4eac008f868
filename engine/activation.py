"""The variables under which the CLI, the program and the plugins run: in subprocesses and in a shell."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from engine.state_url import url_of
from surroundings import variables as surroundings

BUNDLE = "ca-bundle.pem"
_CHECKOUT = Path(__file__).resolve().parent.parent


def python() -> Path:
    """The Python that everything was installed for: the one of the virtual environment that runs this."""
    return Path(sys.executable)


def settings(local: Path) -> dict[str, str]:
    """The variables that are the same in every shell; `PATH` and `SSL_CERT_FILE` are not among them."""
    return {
        "PULUMI_HOME": str(local / "pulumi-home"),
        "PULUMI_BACKEND_URL": url_of(local / "state"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(local / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The dynamic provider's launcher, and the official language host, would take the first python3 on
        # PATH.
        "PULUMI_PYTHON_CMD": str(python()),
    }


def environment(local: Path) -> dict[str, str]:
    """This process's variables without what leads astray (`surroundings.variables`), those of the engine in
    `local` over them, to run `pulumi` with.

    `SSL_CERT_FILE` names `local`'s bundle of roots where that file exists, and is left alone where not.
    """
    local = local.absolute()
    variables = {**surroundings.without_pulumi(surroundings.made(os.environ)), **settings(local)}
    # A passphrase of the shell's would go before the file of the stack's own.
    variables.pop("PULUMI_CONFIG_PASSPHRASE", None)
    first = [str(local / "bin"), str(python().parent)]
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in first]
    variables["PATH"] = os.pathsep.join([*first, *rest])
    if (local / BUNDLE).exists():
        variables["SSL_CERT_FILE"] = str(local / BUNDLE)
    return variables


def script(local: Path) -> str:
    """The text of `activate`: the same variables for a POSIX shell that sources it, from any folder.

    A stack other than the checkout's own is selected by FPGA_STACK, which is taken away afterwards, or by an
    argument. POSIX gives a sourced file none, and a script its own ones: so an argument counts where it names
    a stack, and is refused only where it can be nothing else, in an interactive shell.
    """
    first = f"{local / 'bin'}:{python().parent}"
    exports = "\n".join(f"    export {name}={shlex.quote(value)}" for name, value in settings(local).items())
    bundle = shlex.quote(str(local / BUNDLE))
    checkout = local.parent if (local.parent / "Pulumi.yaml").is_file() else _CHECKOUT
    fpga = shlex.quote(str(python().parent / "fpga"))
    settled = f"{shlex.quote(str(python()))} -E -P -m surroundings"
    select = f"FPGA_LOCAL={shlex.quote(str(local))} {fpga} stack environment --sign-in"
    return f"""\
# To be sourced by a POSIX shell: `. .local/activate`, or for another stack than the checkout's own
# `FPGA_STACK=dev . .local/activate`; in bash, zsh and ksh also `. .local/activate dev`.
# Made by `python -m engine install`.
case "$PATH" in
    {shlex.quote(first)}:*) ;;
    *) PATH={shlex.quote(first)}:"$PATH" ;;
esac
export PATH
fpga_stack="${{FPGA_STACK:-}}"
unset FPGA_STACK
if [ -z "$fpga_stack" ] && [ -n "${{1:-}}" ]; then
    if [ -f {shlex.quote(str(checkout))}/stacks/Backend."$1".yaml ]; then
        fpga_stack="$1"
    else
        case "$-" in *i*) fpga_stack="$1" ;; esac
    fi
fi
if [ -n "$fpga_stack" ] && [ "$fpga_stack" != local ]; then
    if fpga_exports="$(cd {shlex.quote(str(checkout))} && {select} "$fpga_stack")"; then
        eval "$({settled})"
        eval "$fpga_exports"
        unset fpga_stack fpga_exports
    else
        unset fpga_stack fpga_exports
        return 1
    fi
else
    unset fpga_stack PULUMI_CONFIG_PASSPHRASE
    eval "$({settled})"
{exports}
    case "${{SSL_CERT_FILE:-}}" in {shlex.quote(str(local))}/*) unset SSL_CERT_FILE ;; esac
    if [ -f {bundle} ]; then export SSL_CERT_FILE={bundle}; fi
fi
"""
