"""`fpga cloud install`: the unit as systemd's own tools judge it, and as an unprivileged user runs it."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fpga.cloud import installation
from fpga.cloud.unit import Unit
from localcloud import control
from localcloud.datafolder import encryption, lock, operator_key
from tests.support.localcloud import parts
from tests.support.localcloud.notify_socket import listening
from tests.support.waiting import PATIENCE_S

CHECKOUT = Path(__file__).parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a process as somebody else")
has_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
has_setpriv = pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not here")

_WITH_CREDENTIAL = """
set -e
mount -t tmpfs none /run
umask 022
mkdir -p /run/credentials/localcloud.service
install -m 0440 "$1" /run/credentials/localcloud.service/encryption-key
shift
exec "$@"
"""
"""Runs a command where systemd has handed over a key: an ACL shows as the group's right."""


def fpga(
    *arguments: str, code: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "fpga.cli", "cloud", *arguments],
        cwd=CHECKOUT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def config(folder: Path, **settings: object) -> Path:
    file = folder / "cloud.yaml"
    found = {"featurizers": parts.built_model().featurizers} | settings
    file.write_text("".join(f"{key}: {value}\n" for key, value in found.items()))
    return file


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, as none of pytest's own is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A unit that root runs, in the place of an image."""
    parts.settings(tmp_path)  # installs what is missing
    told = fpga("install", "--root", str(tmp_path / "image"), "--user", "root").stdout
    file = tmp_path / "image" / "etc" / "systemd" / "system" / "localcloud.service"
    assert told.splitlines() == [
        f"{file} is written.",
        "Nothing is started yet. Next:",
        "  systemctl daemon-reload",
        "  systemctl enable --now localcloud    # or `systemctl restart localcloud`, where it runs",
        "  systemctl status localcloud",
        "  journalctl -u localcloud -f",
    ]
    return file


@as_root
@has_systemd
def test_systemd_takes_it_and_finds_it_hardened(installed: Path) -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(installed)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout


@as_root
@has_systemd
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_systemd_takes_the_key_in_plain_or_encrypted(tmp_path: Path, is_encrypted: bool) -> None:
    parts.settings(tmp_path)  # installs what is missing
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(base64.b64encode(os.urandom(32)).decode())
    if is_encrypted:
        if shutil.which("systemd-creds") is None:
            pytest.skip("systemd-creds is not here")
        subprocess.run(
            [
                "systemd-creds",
                "encrypt",
                "--with-key=host",
                "--name=encryption-key",
                key,
                tmp_path / "sealed",
            ],
            env=os.environ | {"SYSTEMD_CREDENTIAL_SECRET": str(tmp_path / "secret")},
            umask=0o077,
            check=True,
        )
        key = tmp_path / "sealed"
    fpga("install", "--root", str(tmp_path / "image"), "--user", "root", "--encryption-key", str(key))
    file = tmp_path / "image" / "etc" / "systemd" / "system" / "localcloud.service"
    option = "LoadCredentialEncrypted" if is_encrypted else "LoadCredential"
    assert f"\n{option}=encryption-key:{key}\n" in file.read_text()
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@as_root
def test_it_is_written_once_and_no_unit_of_others_is_touched(installed: Path) -> None:
    image = installed.parents[3]
    before = (installed.stat().st_ino, installed.stat().st_mtime_ns)
    again = fpga("install", "--root", str(image), "--user", "root").stdout
    assert again.startswith(f"{installed} is there already, as it is to be.\n")
    assert "daemon-reload" not in again
    assert (installed.stat().st_ino, installed.stat().st_mtime_ns) == before

    installed.write_text(installed.read_text().replace("TasksMax=2048", "TasksMax=1"))
    for command in ("install", "uninstall"):
        refused = fpga(
            command, "--root", str(image), *(["--user=root"] if command == "install" else []), code=1
        )
        assert refused.stderr.endswith(
            f"{installed} was made by `fpga cloud install`, and changed since: it is left as it is. Move it "
            "away, or give another name with --unit; changes of your own go beside it, by `systemctl edit "
            "localcloud`.\n"
        )
    installed.write_text("[Service]\nExecStart=/bin/true\n")
    refused = fpga("install", "--root", str(image), "--user", "root", code=1)
    assert f"{installed} was not made by `fpga cloud install`" in refused.stderr
    installed.unlink()
    installed.symlink_to("/dev/null")  # as `systemctl mask` has it
    assert "leads to /dev/null" in fpga("install", "--root", str(image), "--user", "root", code=1).stderr


@as_root
def test_uninstall_removes_what_install_wrote_and_no_more(installed: Path) -> None:
    image = installed.parents[3]
    other = installed.with_name("other.service")
    other.write_text("")
    assert fpga("uninstall", "--root", str(image)).stdout == f"{installed} is removed.\n"
    assert [path.name for path in installed.parent.iterdir()] == ["other.service"]
    told = fpga("uninstall", "--root", str(image)).stdout
    assert told == "There is no unit localcloud of `fpga cloud install`.\n"


def test_print_writes_nothing_and_asks_for_no_right(tmp_path: Path) -> None:
    key = tmp_path / "key"
    file = config(tmp_path, httpsPort=443, drainTimeout=25)
    options = ("--config", str(file), "--user", "ops", "--encryption-key", str(key), "--unit", "team")
    key.write_text(base64.b64encode(os.urandom(32)).decode())
    unit = fpga("install", "--print", *options).stdout
    assert "\nUser=ops\n" in unit
    assert f"\nLoadCredential=encryption-key:{key}\n" in unit
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n" in unit
    assert "\nStateDirectory=team\n" in unit
    assert "\nTimeoutStopSec=45\n" in unit
    (start,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert f" serve --config {file} --data /var/lib/team " in start
    assert start.endswith(" --encryption-key-file /run/credentials/team.service/encryption-key")
    assert "443" not in start, "what a file says is read from it at each start"


@as_root
def test_what_could_not_start_is_refused_with_the_remedy(open_folder: Path) -> None:
    image, data, key = open_folder / "image", open_folder / "data", open_folder / "key"
    key.write_text("k")
    key.chmod(0o644)
    file = config(open_folder, data=data)
    file.chmod(0o600)
    options = ("--config", str(file), "--root", str(image), "--encryption-key", str(key))
    refused = fpga("install", *options, "--user", "nobody", code=1).stderr
    assert "error: Nothing is written: the unit could not start.\n- " in refused
    for words in (
        f"- {data}, the data folder, is not there: `install -d -m 0700 -o nobody -g nogroup {data}` makes it",
        f"- --encryption-key {key} may be read or written by others (mode 0644): `chmod 600 {key}`",
        f"- {file}: the user nobody may not read it\n",
    ):
        assert words in refused
    assert not image.exists()
    key.chmod(0o600)
    refused = fpga("install", *options, "--user", "nobody", code=1).stderr
    assert f"- --encryption-key {key} holds no key of 32 random bytes" in refused
    file.write_text(f"encryptionKeyFile: {key}\n")
    assert fpga("install", *options, code=1).stderr.endswith(
        f"error: encryptionKeyFile: {key} ({file}, line 1) names the encryption key, and so does "
        "--encryption-key: give one of them.\n"
    )
    file.write_text("httpsPort: 70000\n")
    refused = fpga("install", *options, code=1).stderr
    assert f"httpsPort: 70000 ({file}, line 1) is no port: give 1 to 65535, or 0 for any." in refused
    assert not image.exists()


@as_root
def test_a_user_that_is_not_there_is_made_by_the_system(tmp_path: Path) -> None:
    """Its rights are those of anybody, as it owns nothing yet."""
    user = installation.account("localcloud-of-a-test")
    assert not user.is_there
    unit = Unit("cloud", user.name, user.group, ["/bin/true"], Path("/var/lib/cloud"), [], None, False, 30)
    unit_file, users_file = installation.write(unit, user, tmp_path)
    assert users_file == tmp_path / "etc" / "sysusers.d" / "cloud.conf"
    assert users_file.read_text().splitlines()[-1] == (
        'u localcloud-of-a-test - "localcloud" /var/lib/cloud /usr/sbin/nologin'
    )
    assert next(iter(installation.next_steps(unit, user, [unit_file]))) == (
        "systemd-sysusers /etc/sysusers.d/cloud.conf"
    )
    if shutil.which("systemd-sysusers"):
        done = subprocess.run(
            ["systemd-sysusers", f"--root={tmp_path}", "--dry-run"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "localcloud-of-a-test" in done.stdout + done.stderr
    assert installation.remove("cloud", tmp_path) == [unit_file, users_file]


def test_a_machine_without_systemd_is_told_what_to_do() -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs this machine")
    assert fpga("install", code=1).stderr == (
        "error: This machine is not run by systemd. Have another supervisor run `python -m localcloud serve "
        "--config FILE` in the foreground (SIGTERM ends it in order), or take the unit elsewhere: --print "
        "prints it, --root DIR writes it into an image.\n"
    )


@as_root
@has_setpriv
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_what_the_unit_runs_serves_with_the_rights_that_it_leaves(
    open_folder: Path, is_encrypted: bool
) -> None:
    """As nobody, with the one capability; the right to read a checkout that others may not comes on top."""
    data, runtime = open_folder / "data", open_folder / "run"
    for folder in (data, runtime):
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
    key = open_folder / "key"
    key.touch(0o600)
    key.write_text(base64.b64encode(os.urandom(32)).decode())
    file = config(
        open_folder, host="127.97.3.1", httpsPort=443, dnsPort=53, scoringNetwork="127.97.0.0/24", data=data
    )
    file.chmod(0o644)
    parts.settings(data)  # installs what is missing
    with_key = ("--encryption-key", str(key)) if is_encrypted else ()
    unit = fpga("install", "--print", "--config", str(file), *with_key).stdout
    (start,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    (capability,) = [line for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=")]
    rights = ["net_bind_service", "dac_read_search"]
    assert capability.endswith("=CAP_NET_BIND_SERVICE")
    given = ",".join(f"+{one}" for one in rights)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    command += [f"--inh-caps=-all,{given}", f"--ambient-caps=-all,{given}", f"--bounding-set=-all,{given}"]
    if is_encrypted:
        command = ["unshare", "--mount", "sh", "-c", _WITH_CREDENTIAL, "sh", str(key), *command]
    with listening(None) as manager:
        environment = {"PATH": os.defpath, "NOTIFY_SOCKET": manager.address, "HOME": "/nonexistent"}
        environment |= {"RUNTIME_DIRECTORY": str(runtime)}
        with subprocess.Popen(
            [*command, *shlex.split(start.removeprefix("ExecStart="))], env=environment, cwd="/"
        ) as process:
            try:
                assert manager.until("READY")["STATUS"] == "localcloud is ready at https://127.97.3.1:443"
                status = control.status(data)
                assert status.blob is not None
                assert status.pid == process.pid
                assert {path.stat().st_uid for path in data.rglob("*")} == {65534}
                assert encryption.key_id(data, runs=True) == (
                    operator_key.read(key, "").id if is_encrypted else None
                )
                assert (runtime in (data / "client-secret").resolve().parents) is is_encrypted
                running = control.settings_of(data)
                assert running is not None
                assert running.encryption_key_file == (
                    Path("/run/credentials/localcloud.service/encryption-key") if is_encrypted else None
                )
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
    assert not lock.is_held(data)
    assert list(runtime.iterdir()) == []
