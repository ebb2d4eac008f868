"""Which variables a process of the project keeps of those that it finds."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest

from engine import bootstrap
from infra.settings.reader import PROJECT_ROOT
from surroundings import proxies, variables

PERSONS = {
    "FPGA_CACHE": "/srv/cache",
    "FPGA_LOCAL": "/srv/local",
    "GIT_CONFIG_COUNT": "0",
    "GIT_SSL_CAINFO": "/etc/company.pem",
    "GOPROXY": "https://modules.example",
    "HOME": "/home/someone",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "NODE_EXTRA_CA_CERTS": "/etc/company.pem",
    "PATH": "/usr/bin:/bin",
    "PIP_CERT": "/etc/company.pem",
    "PIP_INDEX_URL": "https://packages.example/simple",
    "PULUMI_STACK": "prod",
    "PYTHON": "python3.12",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHON_VERSION": "3.12",
    "REQUESTS_CA_BUNDLE": "/etc/company.pem",
    "SSL_CERT_FILE": "/etc/company.pem",
}
ASTRAY = {
    "GIT_DIR": "/elsewhere/.git",
    "GIT_INDEX_FILE": "/elsewhere/.git/index",
    "GIT_WORK_TREE": "/elsewhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONINSPECT": "1",
    "PYTHONIOENCODING": "latin-1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPATH": "/elsewhere",
    "PYTHONPLATLIBDIR": "lib64",
    "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "/elsewhere/start.py",
    "PYTHONWARNINGS": "error",
}


def test_what_a_person_means_stays_and_what_leads_astray_goes() -> None:
    made = variables.made(PERSONS | ASTRAY | {"PYTHONUTF8": "0", "TMPDIR": "/nowhere/at/all"})
    assert made == PERSONS | {
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONUTF8": "1",
        "NO_PROXY": ",".join(proxies.LOOPBACK),
        "no_proxy": ",".join(proxies.LOOPBACK),
    }
    assert variables.made(made) == made


def test_runs_of_a_model_are_told_to_nobody_whatever_was_set() -> None:
    assert variables.made({})["ORT_DISABLE_TELEMETRY"] == "1"
    assert variables.made({"ORT_DISABLE_TELEMETRY": "0"})["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_home_that_is_none_is_the_user_s(home: str | None) -> None:
    given = {} if home is None else {"HOME": home}
    assert variables.made(given)["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


def test_user_whom_the_system_does_not_know_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert "HOME" not in variables.made({"HOME": ""})


def test_folder_for_temporary_files_stays_where_it_is_one(tmp_path: Path) -> None:
    assert variables.made({"TMPDIR": str(tmp_path)})["TMPDIR"] == str(tmp_path)


def test_cli_gets_no_flag_that_nobody_typed() -> None:
    kept = {"PULUMI_HOME": "/h", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": "o"}
    astray = {
        "PULUMI_ACCESS_TOKEN": "x",
        "PULUMI_BACKEND_URL": "file:///elsewhere",
        "PULUMI_CONFIG": "{}",
        "PULUMI_DIY_BACKEND_GZIP": "true",
        "PULUMI_OPTION_STACK": "other",
        "PULUMI_SKIP_CHECKPOINTS": "true",
        "PULUMI_STACK": "other",
    }
    assert variables.without_pulumi(kept | astray) == kept


def test_variables_of_a_repository_are_those_that_git_lists() -> None:
    told = subprocess.run(
        ["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True
    )
    settings = re.compile("GIT_CONFIG|GIT_NO_REPLACE_OBJECTS|GIT_INTERNAL_SUPER_PREFIX")
    places = {name for name in told.stdout.split() if not settings.match(name)}
    assert places <= variables.REPOSITORY


def test_bootstrap_and_makefile_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """They run before anything of the project can be imported."""
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    kept = re.search(r"^PYTHON_KEPT := (.*)$", makefile, re.MULTILINE)
    assert kept is not None
    assert {*kept[1].split(), "PYTHONUTF8"} == variables.PYTHON_KEPT == bootstrap.PYTHON_KEPT
    assert bootstrap.LOOPBACK == proxies.LOOPBACK
    given = {name: value for name, value in (PERSONS | ASTRAY).items() if not name.startswith("GIT_")}
    monkeypatch.setattr(os, "environ", given | {"NO_PROXY": "intranet.example"})
    own = bootstrap.environment()
    made = variables.made(given | {"NO_PROXY": "intranet.example"})
    assert own.pop("NO_PROXY") == "intranet.example"  # which pip does not read beside the other
    not_pip_s = {"NO_PROXY", "ORT_DISABLE_TELEMETRY"}
    assert own == {name: value for name, value in made.items() if name not in not_pip_s}
