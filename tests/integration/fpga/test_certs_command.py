"""`fpga certs` on real files and against real endpoints: words, exit codes, and what is on the disk after."""

from __future__ import annotations

import json
import os
import pty
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients import tls
from fpga.certificates import pipe_notice
from fpga.cli import main
from fpga.files import write_together
from tests.support import waits
from tests.support.certificates import odd_encodings
from tests.support.certificates.containers import container
from tests.support.certificates.forge import FQDN, Made, chain, intermediate, key, key_pem, leaf, root
from tests.support.certificates.handshake import serving
from tests.support.certificates.odd_bundles import Case
from tests.support.servers.scoring_server import scoring_server

TODAY = datetime.now(UTC)
PASSWORD = "pässword 1"
GOOD = leaf(begin=TODAY - timedelta(days=20), end=TODAY + timedelta(days=70, hours=1))
DUE = leaf(begin=TODAY - timedelta(days=70), end=TODAY + timedelta(days=20, hours=1))
CHAIN = chain(GOOD, intermediate())

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Run:
    """Runs `fpga certs ...` in the folder: exit code, standard output, standard error."""
    os.umask(0o022)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fpga", "certs", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        assert "PRIVATE KEY" not in told.out + told.err
        return int(ended.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of each kind; the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FPGA_PFX_PASSWORD", raising=False)
    _write(tmp_path / "chain.pem", CHAIN)
    _write(tmp_path / "key.pem", GOOD.key_pem)
    _write(tmp_path / "other.pem", key_pem(key("P-256", 3)))
    _write(tmp_path / "due.pem", chain(DUE, intermediate()))
    _write(tmp_path / "cut.pem", CHAIN[:-200])
    _write(tmp_path / "root.pem", root().pem)
    _write(tmp_path / "foreign.pem", root("P-256", 1).pem)
    _write(tmp_path / "tls.pfx", _container(GOOD))
    _write(tmp_path / "tls.pem", _container(GOOD))  # by another name
    _write(tmp_path / "public.pfx", container(None, GOOD.certificate, password=PASSWORD))
    _write(tmp_path / "password", f"{PASSWORD}\n".encode())
    _write(tmp_path / "wrong", b"wr0ng-s3cret\r\n")
    return tmp_path


def _container(made: Made) -> bytes:
    return container(made.key, made.certificate, password=PASSWORD)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


PAIR = ("--cert", "chain.pem", "--key", "key.pem")
PFX = ("--pfx", "tls.pfx", "--password-file")
CHECKS = {
    "fit": ((*PAIR, "--fqdn", FQDN), 0, "fit", ["Fit for api.example.com."]),
    "fit for the same name in other words": (
        (*PAIR, "--fqdn", FQDN, "--fqdn", "API.example.com."),
        0,
        "fit",
        ["Fit for api.example.com, API.example.com.."],
    ),
    "unfit for the second of two names": (
        (*PAIR, "--fqdn", FQDN, "--fqdn", "www.example.com"),
        1,
        "refused",
        [
            "does not cover www.example.com: it is for api.example.com.",
            "Refused for api.example.com, www.example.com: 1 thing is wrong.",
        ],
    ),
    "fit below its root": ((*PAIR, "--fqdn", FQDN, "--roots", "root.pem"), 0, "fit", ["held by callers"]),
    "PFX": ((*PFX, "password", "--fqdn", FQDN), 0, "fit", ["Fit for api.example.com."]),
    "another name": (
        (*PAIR, "--fqdn", "www.example.com"),
        1,
        "refused",
        ["does not cover www.example.com", "    Correct the FQDN", "Refused for www.example.com: 1 thing"],
    ),
    "another root": (
        (*PAIR, "--fqdn", FQDN, "--roots", "foreign.pem"),
        1,
        "refused",
        ["refused: certificate file chain.pem", "give its root among the roots"],
    ),
    "another key": (
        ("--cert", "chain.pem", "--key", "other.pem", "--fqdn", FQDN),
        1,
        "refused",
        ["refused: key file other.pem: is not the key of the certificate"],
    ),
    "too few days": (
        (*PAIR, "--fqdn", FQDN, "--minimum-days", "71"),
        1,
        "refused",
        ["in 70 days; at least 71 are asked for"],
    ),
    "no name at all": ((*PAIR, "--fqdn", "localhost"), 1, "refused", ["'localhost': is a single label."]),
    "cut off": (
        ("--cert", "cut.pem", "--key", "key.pem", "--fqdn", FQDN),
        2,
        "unreadable",
        ["certificate file cut.pem: has BEGIN CERTIFICATE", "Not readable: 1 thing is wrong."],
    ),
    "no file": (
        ("--cert", "none.pem", "--key", "key.pem", "--fqdn", FQDN),
        2,
        "unreadable",
        ["none.pem: does not exist."],
    ),
    "no roots": (
        (*PAIR, "--fqdn", FQDN, "--roots", "none.pem"),
        2,
        "unreadable",
        ["roots file none.pem: does not exist."],
    ),
    "wrong password": (
        (*PFX, "wrong", "--fqdn", FQDN),
        2,
        "unreadable",
        ["tls.pfx: cannot be opened with this password", "openssl pkcs12 -in tls.pfx -noout"],
    ),
    "no password": (
        ("--pfx", "tls.pfx", "--fqdn", FQDN),
        2,
        "unreadable",
        ["tls.pfx: is protected by a password, and none was given"],
    ),
    "no key": (
        ("--pfx", "public.pfx", "--password-file", "password", "--fqdn", FQDN),
        2,
        "unreadable",
        ["public.pfx: holds no private key"],
    ),
    "due for renewal": (
        ("--cert", "due.pem", "--key", "key.pem", "--fqdn", FQDN),
        3,
        "due",
        ["warning: ", "is due for renewal since", "Fit for api.example.com, and due for renewal."],
    ),
}


@pytest.mark.parametrize(("arguments", "code", "verdict", "words"), CHECKS.values(), ids=CHECKS.keys())
def test_check_tells_code_and_words(
    run: Run, arguments: tuple[str, ...], code: int, verdict: str, words: list[str]
) -> None:
    ended, told, complaints = run("check", *arguments)

    assert ended == code
    assert [word for word in words if word not in told] == []
    assert "wr0ng-s3cret" not in told + complaints
    ended, told, _ = run("check", *arguments, "--json")
    read = json.loads(told)
    assert (ended, read["verdict"]) == (code, verdict)
    assert any(one["severity"] == "error" for one in read["findings"]) == (code in (1, 2))


def test_the_tree_goes_from_the_root_to_the_leaf_with_bars(run: Run) -> None:
    _, told, _ = run("check", *PAIR, "--fqdn", FQDN, "--roots", "root.pem")

    lines = [line.rstrip() for line in told.splitlines()]
    assert lines[0] == "CN=Test Root 0 (root, held by callers)"
    assert lines[4] == "└── CN=Test Intermediate 0"
    assert lines[8] == f"    └── CN={FQDN}"
    assert lines[9].split() == ["names", FQDN]
    assert lines[12].split()[-4:] == ["70", "of", "90", "days"]
    assert lines[12].count("━") == 23  # 70 of 90 days, in 30 columns
    assert len(lines[14].split()[1].split(":")) == 32  # the fingerprint, in one line


def test_check_in_json_describes_chain_root_and_key(run: Run) -> None:
    _, told, _ = run("check", *PAIR, "--fqdn", FQDN, "--roots", "root.pem", "--json")

    read = json.loads(told)
    assert [one["subject"] for one in read["chain"]] == [f"CN={FQDN}", "CN=Test Intermediate 0"]
    assert read["root"]["subject"] == "CN=Test Root 0"
    assert (read["fqdn"], read["key"], read["findings"]) == (FQDN, "P-256", [])
    assert read["chain"][0]["days_left"] == 70


PIPES = {
    "a chain and a key": (
        "check --fqdn api.example.com --cert <(cat chain.pem) --key <(cat key.pem) --roots <(cat root.pem)",
        0,
        "Fit for api.example.com.",
    ),
    "a PFX and its password": (
        "check --fqdn api.example.com --pfx <(cat tls.pfx) --password-file <(cat password)",
        0,
        "Fit for api.example.com.",
    ),
    "a PFX to look at": ("show <(cat tls.pfx) --password-file <(cat password)", 0, f"CN={FQDN}"),
    "a PFX to convert": (
        "convert --pfx <(cat tls.pfx) --password-file <(cat password) --cert-out a --key-out b",
        0,
        "a: 2 certificates",
    ),
    "a PFX on standard input": (
        "check --fqdn api.example.com --pfx /dev/stdin --password-file password < <(cat tls.pfx)",
        0,
        "Fit for api.example.com.",
    ),
    "nothing to check": (
        "check --fqdn nothing.example.org --cert <(:) --key <(:)",
        2,
        "Not readable: 2 things are wrong.",
    ),
    "no PFX to check": ("check --fqdn nothing.example.org --pfx <(:)", 2, "Not readable: 1 thing is wrong."),
    "no roots": (
        "check --fqdn api.example.com --cert chain.pem --key key.pem --roots <(:)",
        2,
        "Not readable: 1 thing is wrong.",
    ),
    "nothing to show": ("show <(:)", 2, "is empty."),
    "nothing to convert": ("convert --pfx <(:) --cert-out a --key-out b", 2, "is empty."),
}


@pytest.mark.parametrize(("command", "code", "words"), PIPES.values(), ids=PIPES.keys())
def test_what_comes_out_of_a_pipe_is_read_like_a_file(
    folder: Path, command: str, code: int, words: str
) -> None:
    shell = ["bash", "-c", f"{shlex.quote(sys.executable)} -m fpga.cli certs {command}"]
    done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, words in done.stdout + waits.without(done.stderr)) == (code, True), done


def test_whoever_waits_for_a_pipe_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipe_notice, "QUIET_S", 0.0)
    os.mkfifo(folder / "pipe")
    complaints, deadline = "", time.monotonic() + 30
    with pipe_notice.told(folder / "chain.pem", None, folder / "pipe"):
        while not complaints and time.monotonic() < deadline:
            complaints = capsys.readouterr().err
    assert complaints == f"Waiting for the end of what is written into {folder}/pipe …\n"
    before = threading.active_count()
    with pipe_notice.told(folder / "chain.pem", None):
        assert threading.active_count() == before
    assert capsys.readouterr().err == ""


BAD_USAGE = {
    "a chain alone": (("check", "--fqdn", FQDN, "--cert", "chain.pem"), "either --cert and --key, or --pfx"),
    "both": (("check", "--fqdn", FQDN, *PAIR, "--pfx", "tls.pfx"), "either --cert and --key, or --pfx"),
    "no name": (("check", *PAIR), "Missing option '--fqdn'"),
    "a password for PEM": (
        ("check", "--fqdn", FQDN, *PAIR, "--password-file", "password"),
        "--password-file goes with --pfx",
    ),
    "nothing to show": (("show",), "Give either FILE or --endpoint"),
    "two things to show": (("show", "chain.pem", "--endpoint", "127.0.0.1:1"), "either FILE or --endpoint"),
    "a name for a file": (("show", "chain.pem", "--name", FQDN), "--name goes with --endpoint"),
    "an endpoint without port": (("show", "--endpoint", "127.0.0.1"), "'127.0.0.1' is not HOST:PORT"),
    "no port at all": (("show", "--endpoint", "127.0.0.1:65536"), "is not HOST:PORT"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE.keys())
def test_bad_usage_is_two_and_says_what_is_right(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, told, complaints = run(*arguments)
    assert (code, told) == (2, "")
    assert words in complaints


@pytest.mark.parametrize("command", [(), ("check",), ("show",), ("convert",)])
def test_help(run: Run, command: tuple[str, ...]) -> None:
    code, told, complaints = run(*command, "--help")
    assert (code, complaints) == (0, "")
    assert told.startswith("Usage: fpga certs")


def test_the_password_comes_from_the_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGA_PFX_PASSWORD", PASSWORD)
    assert run("check", "--pfx", "tls.pfx", "--fqdn", FQDN)[0] == 0
    monkeypatch.setenv("FPGA_PFX_PASSWORD", "wr0ng-s3cret")
    assert run("check", "--pfx", "tls.pfx", "--fqdn", FQDN)[0] == 2
    # The file was named on purpose.
    assert run("check", *PFX, "password", "--fqdn", FQDN)[0] == 0


def test_without_a_terminal_nobody_is_asked_for_a_password(run: Run) -> None:
    code, _, complaints = run("check", "--pfx", "tls.pfx", "--fqdn", FQDN)
    assert code == 2
    words = (
        "The password comes from --password-file, from the variable FPGA_PFX_PASSWORD, or from a terminal."
    )
    assert complaints == f"{words}\n"


def test_at_a_terminal_the_password_is_asked_for_and_not_shown(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fpga.cli", "certs", "check", "--pfx", "tls.pfx", "--fqdn", FQDN]
    # Without a session of its own the question would go to the terminal of whoever runs the tests.
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stderr is not None
        asked = b""
        try:
            # The echo is turned off before the question is there whole; what is typed before that is lost.
            while b"Password of tls.pfx: " not in asked and (more := os.read(process.stderr.fileno(), 1000)):
                asked += more
            os.write(ours, f"{PASSWORD}\n".encode())
            told, complaints = process.communicate(timeout=30)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)
    assert process.returncode == 0, complaints
    assert asked == b"Password of tls.pfx: "
    assert b"Fit for api.example.com." in told
    assert PASSWORD.encode() not in told + complaints


PASSWORD_FILES = {
    "none": (None, "does not exist"),
    "empty": (b"", "has no password in its first line"),
    "an empty line first": (f"\n{PASSWORD}\n".encode(), "has no password in its first line"),
    "not text": (b"\xff\xfe\xff", "is not text in UTF-8"),
}


@pytest.mark.parametrize(("content", "words"), PASSWORD_FILES.values(), ids=PASSWORD_FILES.keys())
def test_a_password_file_that_holds_none_is_named(
    run: Run, folder: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        _write(folder / "odd", content)
    code, told, _ = run("check", *PFX, "odd", "--fqdn", FQDN)
    assert code == 2
    assert told.startswith(f"refused: password file odd: {words}.\n    ")
    assert told.endswith("\nNot readable: 1 thing is wrong.\n")
    code, told, _ = run("show", "tls.pfx", "--password-file", "odd", "--json")
    found = json.loads(told)
    assert (code, found["verdict"], found["findings"][0]["message"]) == (2, "unreadable", f"{words}.")
    code, told, complaints = run("convert", *PFX, "odd", *OUT)
    assert (code, told) == (2, "")
    assert complaints.startswith(f"error: password file odd: {words}. ")


SHOWN = {
    "a chain": (("chain.pem",), 0, ["CN=Test Root 0 (not given)", f"CN={FQDN}"]),
    "a root": (("root.pem",), 0, ["CN=Test Root 0"]),
    "a PFX": (("tls.pfx", "--password-file", "password"), 0, [f"CN={FQDN}"]),
    "a PFX by another name": (("tls.pem", "--password-file", "password"), 0, [f"CN={FQDN}"]),
    "a PFX without a key": (("public.pfx", "--password-file", "password"), 0, [f"CN={FQDN}"]),
    "a PFX without its password": (("tls.pfx",), 2, ["is protected by a password"]),
    "a key": (("key.pem",), 2, ["file key.pem: holds a private key in line 1"]),
    "nothing": (("none.pem",), 2, ["file none.pem: does not exist."]),
    "two that are strangers": (("strangers.pem",), 1, ["holds a certificate 'Test Root 1'"]),
}


@pytest.mark.parametrize(("arguments", "code", "words"), SHOWN.values(), ids=SHOWN.keys())
def test_show_needs_no_key(
    run: Run, folder: Path, arguments: tuple[str, ...], code: int, words: list[str]
) -> None:
    _write(folder / "strangers.pem", chain(GOOD, root("P-256", 1)))
    ended, told, _ = run("show", *arguments)
    assert ended == code
    assert [word for word in words if word not in told] == []
    assert run("show", *arguments, "--json")[0] == code


def test_names_of_strangers_do_not_write_on_the_terminal(run: Run, folder: Path) -> None:
    odd = leaf(common_name="[red]\x1b[31mx[/red]", begin=TODAY - timedelta(days=1))
    _write(folder / "odd.pem", chain(odd, intermediate()))
    code, told, _ = run("show", "odd.pem")
    assert code == 0
    assert "CN=[red]" in told
    assert "\x1b" not in told


def test_show_shows_what_an_endpoint_serves(run: Run) -> None:
    with scoring_server(tls=GOOD, above=[intermediate()], key="k") as running:
        code, told, complaints = run("show", "--endpoint", f"127.0.0.1:{running.port}", "--name", FQDN)
        assert (code, complaints) == (0, "")
        assert told.index("CN=Test Intermediate 0") < told.index(f"CN={FQDN}")
        code, told, _ = run("show", "--endpoint", f"127.0.0.1:{running.port}", "--json")
    assert [one["serial_number"] for one in json.loads(told)["chain"]] == [
        f"{one.certificate.serial_number:x}" for one in (GOOD, intermediate())
    ]


@pytest.mark.parametrize("case", odd_encodings.WARNED, ids=lambda case: case.name)
def test_what_tls_stacks_take_is_shown_wherever_it_is(run: Run, case: Case) -> None:
    certificate, private_key = case.texts()
    Path("odd.pem").write_bytes(certificate)
    assert run("show", "odd.pem")[::2] == (0, "")
    if case.roots is not None:
        Path("odd-roots.pem").write_bytes(chain(*case.roots))
        assert run("show", "odd-roots.pem")[::2] == (0, "")
    with serving(certificate, private_key) as port:
        code, told, complaints = run("show", "--endpoint", f"127.0.0.1:{port}", "--name", FQDN)
    assert (code, complaints) == (0, "")
    assert FQDN in told


def test_show_of_what_is_no_tls_endpoint(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        code, told, complaints = run("show", "--endpoint", f"127.0.0.1:{port}")
        thread.join()
    assert (code, told) == (1, "")
    assert complaints.startswith(f"error: 127.0.0.1:{port} does not complete a TLS handshake: ")
    code, told, complaints = run("show", "--endpoint", f"127.0.0.1:{port}")
    assert (code, told) == (1, "")
    assert complaints == f"error: 127.0.0.1:{port} cannot be reached: Connection refused.\n"


def test_show_of_what_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        code, told, complaints = run("show", "--endpoint", f"127.0.0.1:{port}")
    assert (code, told) == (1, "")
    silent_one = f"127.0.0.1:{port} does not complete a TLS handshake: nothing is said within 0.05 s."
    assert complaints == f"error: {silent_one}\n"


OUT = ("--cert-out", "new.pem", "--key-out", "new.key")


def test_convert_writes_what_a_check_then_takes(run: Run, folder: Path) -> None:
    code, told, complaints = run("convert", *PFX, "password", *OUT)

    assert (code, complaints) == (0, "")
    assert "fpga certs check --cert new.pem --key new.key --fqdn NAME" in told
    assert (folder / "new.pem").read_bytes() == CHAIN
    assert (folder / "new.key").read_bytes() == GOOD.key_pem
    assert (folder / "new.key").stat().st_mode & 0o777 == 0o600
    assert run("check", "--cert", "new.pem", "--key", "new.key", "--fqdn", FQDN)[0] == 0


def test_convert_overwrites_nothing_but_by_force(run: Run, folder: Path) -> None:
    (folder / "new.key").write_text("of another service")
    (folder / "new.key").chmod(0o644)
    before = _listing(folder)

    code, told, complaints = run("convert", *PFX, "password", *OUT)

    assert (code, told) == (1, "")
    assert complaints == "error: new.key is there already: --force overwrites it.\n"
    assert _listing(folder) == before
    assert run("convert", *PFX, "password", *OUT, "--force")[0] == 0
    assert (folder / "new.key").read_bytes() == GOOD.key_pem
    assert (folder / "new.key").stat().st_mode & 0o777 == 0o600
    assert set(_listing(folder)) - set(before) == {"new.pem"}


REFUSED = {
    "wrong password": ((*PFX, "wrong", *OUT), 2, "cannot be opened with this password"),
    "no password": (("--pfx", "tls.pfx", *OUT), 2, "none was given"),
    "no key": (("--pfx", "public.pfx", "--password-file", "password", *OUT), 2, "holds no private key"),
    "PEM": (("--pfx", "chain.pem", *OUT), 2, "is PEM, not PKCS#12"),
    "no file": (("--pfx", "none.pfx", *OUT), 2, "none.pfx: does not exist"),
    "foreign key": (("--pfx", "foreign.pfx", *OUT), 1, "is not the key of the certificate in it"),
    "two leaves": (("--pfx", "two.pfx", *OUT), 1, "holds a second server certificate"),
    "one file for both": (
        (*PFX, "password", "--cert-out", "new.pem", "--key-out", "./new.pem"),
        1,
        "must be three files",
    ),
    "over the PFX": (
        (*PFX, "password", "--cert-out", "new.pem", "--key-out", "tls.pfx", "--force"),
        1,
        "must be three files",
    ),
    "a folder that is not there": (
        (*PFX, "password", "--cert-out", "new.pem", "--key-out", "no/new.key"),
        1,
        "error: no/new.key: No such file or directory\n",
    ),
    "a folder in a file's place": (
        (*PFX, "password", "--cert-out", "chain.pem", "--key-out", "folder", "--force"),
        1,
        "folder: is a directory",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_conversion_that_fails_leaves_all_as_it_was(
    run: Run, folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    from tests.support.certificates.containers import open_container

    _write(folder / "foreign.pfx", open_container([key("P-256", 3)], [GOOD.der, intermediate().der]))
    _write(folder / "two.pfx", container(GOOD.key, GOOD.certificate, [DUE.certificate], password=None))
    (folder / "folder").mkdir()
    before = _listing(folder)

    ended, told, complaints = run("convert", *arguments)

    assert (ended, told) == (code, "")
    assert words in complaints
    assert "wr0ng-s3cret" not in complaints
    assert _listing(folder) == before


def test_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "folder").mkdir()
    before = _listing(tmp_path)
    with pytest.raises(IsADirectoryError):
        write_together({tmp_path / "a": b"1", tmp_path / "folder": b"2"}, overwrite=True)
    assert _listing(tmp_path) == before
    with pytest.raises(FileExistsError):
        write_together({tmp_path / "b": b"1", tmp_path / "a": b"2"}, overwrite=False)
    assert _listing(tmp_path) == before
    write_together({tmp_path / "b": b"1", tmp_path / "a": b"2"}, overwrite=True)
    assert _listing(tmp_path) == {"a": b"2", "b": b"1", "folder": None}


def _listing(folder: Path) -> dict[str, bytes | None]:
    """Each file's content, hidden ones too."""
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}
