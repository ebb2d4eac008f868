"""`engine/bootstrap.py`, on a checkout in miniature that needs nothing from PyPI."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine import bootstrap
from tests.support.engine import package_sources
from tests.support.engine.registry import untrusted_registry
from tests.support.odd_folders import ODD

SCRIPT = Path(bootstrap.__file__)

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "miniature"
version = "1"
[project.scripts]
miniature = "backend:main"
"""

# The smallest backend of PEP 660: an editable wheel is a path.
BACKEND = """\
import pathlib, zipfile
HERE = pathlib.Path(__file__).parent
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "miniature-1-py3-none-any.whl"
    info = "miniature-1.dist-info"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("miniature.pth", str(HERE))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: miniature\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nminiature = backend:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
def main():
    import json, sys
    print(json.dumps([sys.executable, sys.argv]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / ODD
    (folder / "engine").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "engine")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "requirements.lock").write_text("# nothing\n")
    return folder


# a person's Python, not that of this environment, which cannot start in every locale where it is
PYTHON = getattr(sys, "_base_executable", sys.executable)


def run(checkout: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "FPGA_LOCAL"} | more
    command = [PYTHON, "engine/bootstrap.py", *arguments]
    return subprocess.run(
        command, cwd=checkout, env=variables, capture_output=True, encoding="utf-8", check=False, timeout=300
    )


def test_environment_is_made_and_kept(checkout: Path) -> None:
    local = checkout / ".local"
    venv = local / "venv"
    first = run(checkout)
    assert first.returncode == 0, first.stderr
    assert "Virtual environment ready after" in first.stderr
    assert stat.S_IMODE(local.stat().st_mode) == 0o700
    script = "import backend, json, sys; print(json.dumps([backend.__file__, sys.prefix]))"
    seen = subprocess.run(
        [venv / "bin/python", "-c", script], capture_output=True, text=True, check=True, cwd="/"
    )
    assert json.loads(seen.stdout) == [str(checkout / "backend.py"), str(venv)]

    # Nothing is to do: nothing is said and nothing touched.
    made = (venv / "pyvenv.cfg").stat().st_mtime_ns
    second = run(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    # Another lock is installed into the same environment; one that cannot be leaves no stamp behind.
    (checkout / "requirements.lock").write_text("this is no requirement\n")
    failed = run(checkout)
    assert failed.returncode == 1
    assert "error: Installing the locked packages failed with exit code" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (venv / bootstrap.STAMP).exists()
    (checkout / "requirements.lock").write_text("# nothing again\n")
    assert run(checkout).returncode == 0
    assert (venv / "pyvenv.cfg").stat().st_mtime_ns == made


@pytest.mark.parametrize("name", [ODD, "plain", f"long{'/folder' * 20}/o'brien;"])
def test_console_scripts_run_wherever_the_checkout_is(checkout: Path, tmp_path: Path, name: str) -> None:
    if name != ODD:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        checkout = checkout.rename(tmp_path / name)
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    folder = checkout / ".local" / "venv" / "bin"
    link = tmp_path / "link"
    link.symlink_to(folder / "miniature")

    def called(script: str, cwd: Path) -> list[object]:
        told = subprocess.run([script, "a b", "$c"], cwd=cwd, capture_output=True, text=True, check=False)
        assert (told.returncode, told.stderr) == (0, "")
        found: list[object] = json.loads(told.stdout)
        return found

    python = str(folder / "python")
    for script, cwd in [
        (str(folder / "miniature"), Path("/")),
        (".local/venv/bin/miniature", checkout),
        (str(link), Path("/")),
    ]:
        assert called(script, cwd) == [python, [script, "a b", "$c"]]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a:b", "a ':' in its name divides PATH. Give it another name, or set FPGA_LOCAL to another folder."),
        ("a\nb", "its name is not UTF-8, or has a tab or a line break. Give it another name"),
        ("a\tb", "its name is not UTF-8, or has a tab or a line break. Give it another name"),
        ("a\udcff", "its name is not UTF-8, or has a tab or a line break. Give it another name"),
    ],
)
def test_folder_that_cannot_hold_an_environment_is_refused(
    checkout: Path, tmp_path: Path, name: str, problem: str
) -> None:
    moved = checkout.rename(tmp_path / name)
    done = run(moved)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {str(moved / '.local')!r} cannot be worked in: {problem}")
    assert not (moved / ".local").exists()


def test_folder_whose_name_ends_with_a_space_is_refused(checkout: Path, tmp_path: Path) -> None:
    moved = checkout.rename(tmp_path / "a ")
    done = run(moved, "--local", str(tmp_path / "local"))
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {str(moved)!r} cannot be worked in: its name ends with white space. Give it another name.\n"
    )
    assert not (tmp_path / "local").exists()


def test_environment_that_this_runs_in_is_usable_and_a_half_made_one_is_not(tmp_path: Path) -> None:
    assert bootstrap.usable(Path(sys.prefix))
    half = tmp_path / "venv"
    (half / "bin").mkdir(parents=True)
    assert not bootstrap.usable(half)
    # As in a checkout that was moved: it runs, but its scripts name another place.
    (half / "bin" / "python").symlink_to(sys.executable)
    assert not bootstrap.usable(half)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_older_python_is_refused_in_one_line(version: tuple[int, int, int]) -> None:
    pretend = (
        f"import sys; sys.version_info = {version}; sys.version = '{'.'.join(map(str, version))} (main)';"
        f"exec(compile(open({str(SCRIPT)!r}).read(), 'bootstrap.py', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Python 3.11 or newer is needed, this is {'.'.join(map(str, version))} ({sys.executable}):"
        " run engine/bootstrap.py with a newer one, for example as python3.11 engine/bootstrap.py\n"
    )


def test_syntax_is_one_that_an_older_python_reads_as_far_as_the_refusal() -> None:
    import ast

    ast.parse(SCRIPT.read_text(), feature_version=(3, 7))


def test_missing_venv_module_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_base_executable", shutil.which("false"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(
        bootstrap.BootstrapError, match=rf"has no venv module: .*apt install python{version}-venv"
    ):
        bootstrap.create(tmp_path / "venv")
    assert not (tmp_path / "venv").exists()


def test_unknown_argument_is_refused(checkout: Path) -> None:
    done = run(checkout, "--locale", "x")
    assert done.returncode == 2
    assert "unrecognized arguments: --locale x" in done.stderr
    assert not (checkout / ".local").exists()


PIP_CONF = """\
[global]
require-hashes = true
index-url = https://packages.example/simple
timeout = 7
[install]
target = {folder}/target
user = true
no-binary = :all:
extra-index-url =
    https://one.example/simple
    https://two.example/simple
"""


# Each of them alone would do for an environment that is not made.
OF_PIP = {
    "PIP_CONSTRAINT": "nowhere.txt",
    "PIP_DRY_RUN": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_ONLY_BINARY": ":all:",
    "PIP_PREFIX": "prefix",
    "PIP_PYTHON": "/nowhere",
    "PIP_REQUIREMENT": "nowhere.txt",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_ROOT": "root",
    "PIP_TARGET": "target",
    "PIP_USER": "1",
}
OF_FILES = {
    "PIP_CONFIG_FILE": "{folder}/pip.conf",
    "HOME": "",
    "TMPDIR": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
}
OF_PYTHON = {
    "XDG_CONFIG_HOME": "{folder}/config",
    "LC_ALL": "C",
    "PYTHONPATH": "{folder}/packages",
    "PYTHONSAFEPATH": "1",
    "PYTHONUTF8": "0",
    "PYTHONWARNINGS": "error",
}


@pytest.mark.parametrize("variables", [OF_PIP, OF_FILES, OF_PYTHON], ids=["pip", "files", "python"])
def test_settings_of_a_person_s_own_projects_change_nothing(
    checkout: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    conf = PIP_CONF.format(folder=tmp_path)
    (tmp_path / "pip.conf").write_text(conf)
    (tmp_path / "config" / "pip").mkdir(parents=True)
    (tmp_path / "config" / "pip" / "pip.conf").write_text(conf)
    for name in ("pip", "venv", "engine", "backend"):
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "__init__.py").write_text("raise SystemExit('another project')\n")
    given = {name: value.format(folder=tmp_path) for name, value in variables.items()}
    done = run(checkout, **given)
    assert done.returncode == 0, done.stderr
    script = [str(checkout / ".local/venv/bin/miniature"), "x"]
    told = subprocess.run(
        script, cwd="/", env={**os.environ, **given}, capture_output=True, encoding="utf-8", check=True
    )
    assert json.loads(told.stdout) == [str(checkout / ".local/venv/bin/python"), script]


def test_pip_is_told_where_packages_come_from_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(PIP_CONF.format(folder=tmp_path))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "PIP_CONFIG_FILE": f"{tmp_path}/pip.conf",
        "PIP_CERT": "/etc/company.pem",
        "PIP_TIMEOUT": "9",
        "PIP_REQUIRE_VIRTUALENV": "1",
    }.items():
        monkeypatch.setenv(name, value)
    variables = bootstrap.pip_environment(Path(sys.executable))
    assert {name: value for name, value in variables.items() if name.startswith("PIP_")} == {
        "PIP_CERT": "/etc/company.pem",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_EXTRA_INDEX_URL": "\nhttps://one.example/simple\nhttps://two.example/simple",
        "PIP_INDEX_URL": "https://packages.example/simple",
        "PIP_TIMEOUT": "9",
    }


def test_settings_that_pip_cannot_read_are_told(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section\n")
    done = run(checkout, PIP_CONFIG_FILE=f"{tmp_path}/pip.conf")
    assert done.returncode == 1
    assert "error: pip cannot read its settings: " in done.stderr
    assert f"{tmp_path}/pip.conf" in done.stderr
    assert "Traceback" not in done.stderr


def test_index_that_is_not_trusted_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    (checkout / "requirements.lock").write_text(f"nothing-here==1 --hash=sha256:{'0' * 64}\n")
    with untrusted_registry() as address:
        done = run(checkout, PIP_INDEX_URL=address, PIP_RETRIES="0", PIP_FIND_LINKS="")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"error: Installing the locked packages failed: the certificate that the package index shows is not "
        r"trusted \(.*certificate verify failed: .*\)\. Where a company's proxy opens TLS, set PIP_CERT to a "
        r"PEM file that holds its root\.",
        last,
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("error")] == [last]


def test_a_package_with_other_bytes_than_the_lock_s_is_refused(checkout: Path, tmp_path: Path) -> None:
    """The index is trusted, and itself says the hash that the file has."""
    package_sources.publish(tmp_path / "index", "something", "1")
    (checkout / "requirements.lock").write_text(f"something==1 --hash=sha256:{'0' * 64}\n")
    with package_sources.serving(tmp_path / "index") as address:
        done = run(checkout, PIP_INDEX_URL=f"{address}/simple", PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="")
    assert done.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stdout + done.stderr
    assert not list(checkout.glob(".local/venv/lib/*/site-packages/something*"))


def test_a_python_that_the_lock_is_not_published_for_is_refused(checkout: Path) -> None:
    classifier = '"Programming Language :: Python :: 3.{}"'
    listed = ", ".join(classifier.format(version) for version in (9, 10))
    pyproject = PYPROJECT.replace('version = "1"', f'version = "1"\nclassifiers = [{listed}]')
    (checkout / "pyproject.toml").write_text(pyproject)
    refused = run(checkout)
    assert refused.returncode == 1
    version = sys.version.split()[0]
    assert refused.stderr == (
        f"error: Python {version} ({PYTHON}) is newer than the locked packages, which are published "
        "for Python 3.9 to 3.10: set PYTHON to one of these, as in make up PYTHON=python3.10.\n"
    )
    assert not (checkout / ".local").exists()
    (checkout / "pyproject.toml").write_text(pyproject.replace("3.10", f"3.{sys.version_info[1]}"))
    assert run(checkout).returncode == 0
