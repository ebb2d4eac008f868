"""What a shell is told of, by each thing that can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga.doctor.checks import shell
from fpga.doctor.checks.shell import Activation, NamedFile
from fpga.doctor.finding import Standing

LOCAL = Path("/srv/checkout/.local")


def test_what_is_right_is_fine() -> None:
    found = [
        *shell.named_files([NamedFile("SSL_CERT_FILE", "/etc/roots.pem")]),
        *shell.proxies({}),
        *shell.proxies(
            {
                "https_proxy": "http://proxy:3128",
                "no_proxy": "*",
                "NO_PROXY": "*",
                "no_grpc_proxy": "localhost,127.0.0.0/8,::1",
            }
        ),
        *shell.activation(
            Activation({"PULUMI_HOME": f"{LOCAL}/pulumi-home", "PULUMI_STACK": "dev"}, LOCAL, ["dev"])
        ),
        *shell.activation(Activation({}, LOCAL, ["local"])),
        *shell.locale({}),
        *shell.locale({"LANG": "C"}),
        *shell.locale({"LANG": "de_DE.utf8"}),
        *shell.locale({"LANG": "de_DE.ISO-8859-1", "LC_ALL": "en_US.UTF-8"}),
        *shell.umask(0o022),
        *shell.umask(0),
        *shell.home({"HOME": "/home/ada"}, ""),
        *shell.open_files(None),
        *shell.open_files(1024),
    ]
    assert {one.standing for one in found} == {Standing.FINE}


@pytest.mark.parametrize("variable", shell.NAMING_FILES)
def test_a_variable_that_names_a_file_that_is_not_there(variable: str) -> None:
    (found,) = shell.named_files(
        [NamedFile(variable, "/nowhere", "cannot be read (No such file or directory)")]
    )
    assert found.standing is Standing.ERROR
    assert found.told == f"{variable} names /nowhere, which cannot be read (No such file or directory)"
    assert f"`unset {variable}`" in found.remedy


@pytest.mark.parametrize(
    "environ",
    [
        {"https_proxy": "http://127.0.0.1:9"},
        {"HTTPS_PROXY": "http://127.0.0.1:9"},
        {"grpc_proxy": "http://127.0.0.1:9", "no_proxy": "localhost"},
        {"ALL_PROXY": "socks5://127.0.0.1:9", "no_proxy": "localhost,127.0.0.1"},
    ],
)
def test_a_proxy_that_catches_loopback(environ: dict[str, str]) -> None:
    (found,) = shell.proxies(environ)
    assert found.standing is Standing.WARNING
    assert next(iter(environ)) in found.told
    assert "no_proxy=" in found.remedy
    assert "127.0.0.0/8" in found.remedy


def test_a_proxys_password_is_not_told() -> None:
    (found,) = shell.proxies({"https_proxy": "http://ada:secret@proxy:3128"})
    assert "secret" not in found.told + found.remedy


def test_a_shell_that_is_activated_elsewhere_or_for_a_stack_that_is_not_there() -> None:
    elsewhere, lost = shell.activation(
        Activation(
            {"PULUMI_HOME": "/srv/other/.local/pulumi-home", "FPGA_STACK": "nix"}, LOCAL, ["dev", "local"]
        )
    )
    assert elsewhere.standing is Standing.WARNING
    assert "PULUMI_HOME is /srv/other/.local/pulumi-home" in elsewhere.told
    assert lost.standing is Standing.ERROR
    assert lost.told == "FPGA_STACK names the stack nix, of which there is no file (there are: dev, local)"


@pytest.mark.parametrize("named", ["de_DE.ISO-8859-15@euro", "de_DE", "ja_JP.eucJP"])
def test_a_locale_of_other_letters(named: str) -> None:
    (found,) = shell.locale({"LC_CTYPE": named})
    assert found.standing is Standing.WARNING
    assert found.told.startswith(f"LC_CTYPE={named}: ")
    assert found.remedy == "`export LC_CTYPE=C.UTF-8`"


@pytest.mark.parametrize("mask", [0o777, 0o100, 0o722])
def test_a_umask_that_takes_the_owners_rights(mask: int) -> None:
    (found,) = shell.umask(mask)
    assert (found.standing, found.remedy) == (Standing.ERROR, "`umask 022`")
    assert f"{mask:04o}" in found.told


def test_a_home_that_is_none_and_too_few_files() -> None:
    (home,) = shell.home({"HOME": ""}, "the system knows none of this user")
    assert home.standing is Standing.ERROR
    assert home.told == "HOME is empty: the system knows none of this user"
    (files,) = shell.open_files(100)
    assert files.standing is Standing.WARNING
    assert files.told.startswith("100 at most")
