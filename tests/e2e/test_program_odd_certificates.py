"""Each odd bundle of the tables through a preview: refused in its own words, or mended and said so."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.bundle import fingerprint_sha256
from clients.tls import fingerprint, served_certificate
from tests.support.certificates import odd_certificates, odd_containers, odd_paths, odd_texts
from tests.support.certificates.containers import PASSWORD
from tests.support.certificates.forge import FQDN, chain, intermediate, root
from tests.support.certificates.odd_bundles import GOOD, Case, Texts
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

NOW = dt.datetime.now(dt.UTC)
NAMESPACE = "fpga-web-service"
UNCHANGED: Mapping[str, str] = {}  # what would be served is what is served
ANOTHER = {"service": "update", "endpoint-check": "update"}

# No source has a setting for the password of a key in PEM: a container's password is tried below.
REFUSED = [case for case in [*odd_texts.UNREADABLE, *odd_certificates.refused(NOW)] if case.password is None]
UNKNOWN_AUTHORITY = "the chain leads to no authority that this machine trusts"
FIT, WARNED = odd_certificates.fit(NOW), odd_certificates.warned(NOW)
MENDED = [*odd_texts.MENDED, *odd_paths.mended(NOW)]
SERVED = [
    one
    for one in WARNED
    if one.name
    in (
        "serial number of zero in the root",
        "NULL beside ECDSA",
        "policy text beyond ASCII",
        "P-521 in the root",
    )
]
# What the settings say of a name, before any certificate is read.
BAD_NAMES = {
    "192.0.2.1": "is '192.0.2.1': it is an IP address",
    "*.example.com": "is '*.example.com': it",
}
# For the source `config`: texts that YAML holds, and that are wrong for a reason which is in no file's name.
IN_CONFIGURATION = {
    "prose",
    "last END missing",
    "files swapped",
    "encrypted key, no password",
    "missing intermediate",
    "wrong name",
    "expired",
    "RSA-1024",
    "CRLF",
    "escaped",
    "all in one line",
}


class Previews:
    """Previews of one stack, each with a configuration of its own: one at a time, and one ahead of it."""

    def __init__(self, stack: ProgramStack, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.stack = stack
        self._folder, self._pool = folder, pool
        self._asked: dict[str, Callable[[], Result]] = {}
        self._ahead: dict[str, Future[Result]] = {}
        self._places: dict[str, Path] = {}
        self.before = stack.service(), stack.export(), stack.outputs(show_secrets=True)
        self.resources = {one["urn"].split("::")[-1] for one in self.before[1]["deployment"]["resources"]}
        self._config = yaml.safe_load((stack.folder / f"Pulumi.{stack.stack}.yaml").read_text())

    def place(self, name: str) -> Path:
        """Where the files of a case are; a path that no shell wants quoted."""
        place = self._places.setdefault(name, self._folder / f"case-{len(self._places)}")
        place.mkdir(exist_ok=True)
        return place

    def ask(self, name: str, settings: Mapping[str, Any], *flags: str) -> None:
        """Has a preview made, without the settings of any source but these."""
        sources = ("certificate", "key", "pfx", "roots")
        config = {
            key: value
            for key, value in self._config["config"].items()
            if not key.removeprefix(f"{NAMESPACE}:").startswith(sources)
        }
        config |= {f"{NAMESPACE}:{key}": value for key, value in settings.items()}
        file = self.place(name) / "Pulumi.yaml"
        file.write_text(yaml.safe_dump(self._config | {"config": config}))
        arguments = ("--config-file", str(file), *flags)
        self._asked[name] = partial(self.stack.preview, *arguments, code=None)
        self._ahead[name] = self._pool.submit(self._asked[name])

    def of(self, name: str) -> Result:
        """What the preview brought; file names in it are without their folder."""
        ahead = self._ahead[name]
        result = self._asked[name]() if ahead.cancel() else ahead.result()
        events = json.dumps(result.events).replace(f"{self.place(name)}/", "")
        return replace(result, events=tuple(json.loads(events)))

    def finish(self) -> None:
        """Makes those that are left."""
        for ahead in self._ahead.values():
            if not ahead.cancelled():
                ahead.result()


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], tmp_path_factory: pytest.TempPathFactory) -> ProgramStack:
    """One that serves the certificate of which the mended cases are odd spellings."""
    folder = tmp_path_factory.mktemp("good")
    write(folder / "chain.pem", chain(GOOD, intermediate()))
    write(folder / "key.pem", GOOD.key_pem)
    write(folder / "roots.pem", root().pem)
    stack = make_stack(
        "odd",
        {
            f"{NAMESPACE}:zone": "example.com",
            f"{NAMESPACE}:fqdn": FQDN,
            f"{NAMESPACE}:certificateSource": "files",
            f"{NAMESPACE}:certificateFile": str(folder / "chain.pem"),
            f"{NAMESPACE}:keyFile": str(folder / "key.pem"),
            f"{NAMESPACE}:rootsFile": str(folder / "roots.pem"),
        },
        loaded=True,
    )
    assert stack.up().complaints == []
    return stack


@pytest.fixture(scope="module")
def previews(stack: ProgramStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previews]:
    texts = {case.name: case.texts() for case in in_configuration()}  # another one at each call
    passwords = [one.password for one in odd_containers.REFUSED if one.password]
    secrets = encrypted(stack, [PASSWORD, *passwords, *(key.decode() for _, key in texts.values())])
    with (
        ThreadPoolExecutor(1) as pool,
        ExitStack() as end,
    ):
        end.callback(pool.shutdown, cancel_futures=True)
        made = Previews(stack, tmp_path_factory.mktemp("odd-bundles"), pool)
        for case in [*REFUSED, *WARNED, *MENDED, *FIT]:
            ask_for_files(made, case)
        for container in [*odd_containers.REFUSED, *odd_containers.MENDED, *odd_containers.WARNED]:
            ask_for_container(made, container, secrets)
        for case in in_configuration():
            ask_for_configuration(made, case, texts[case.name], secrets)
        yield made


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


def in_configuration() -> list[Case]:
    return [case for case in [*REFUSED, *MENDED] if case.name in IN_CONFIGURATION]


def encrypted(stack: ProgramStack, secrets: Iterable[str]) -> dict[str, Any]:
    """What is to stand in the stack's file for each secret."""
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    original = file.read_text()
    plain = dict(enumerate(sorted(set(secrets))))
    stack.configure(secrets={f"{NAMESPACE}:secret{number}": text for number, text in plain.items()})
    config = yaml.safe_load(file.read_text())["config"]
    file.write_text(original)
    return {text: config[f"{NAMESPACE}:secret{number}"] for number, text in plain.items()}


def roots(place: Path, case: Case) -> dict[str, str]:
    """The authority that the stack has, where the bundle is that of the stack."""
    given = (root(),) if case in MENDED else case.roots
    return {} if given is None else {"rootsFile": write(place / "roots.pem", chain(*given))}


def ask_for_files(previews: Previews, case: Case) -> None:
    place = previews.place(case.name)
    certificate, key = case.texts()
    settings = {
        "fqdn": case.fqdn,
        "certificateSource": "files",
        "certificateFile": write(place / "chain.pem", certificate),
        "keyFile": write(place / "key.pem", key),
    }
    flags = ["--expect-no-changes"] if case in MENDED else []
    previews.ask(case.name, settings | roots(place, case), *flags)


def ask_for_container(previews: Previews, case: odd_containers.Case, secrets: Mapping[str, Any]) -> None:
    place = previews.place(f"pfx: {case.name}")
    settings = {
        "certificateSource": "pfx",
        "pfxFile": write(place / "my tls.pfx", case.data()),
        "rootsFile": write(place / "roots.pem", root().pem),
    }
    if case.password:
        settings["pfxPassword"] = secrets[case.password]
    flags = [] if case in odd_containers.REFUSED else ["--expect-no-changes"]
    previews.ask(f"pfx: {case.name}", settings, *flags)


def ask_for_configuration(previews: Previews, case: Case, texts: Texts, secrets: Mapping[str, Any]) -> None:
    place, (certificate, key) = previews.place(f"config: {case.name}"), texts
    write(place / "key.pem", key)
    settings = {
        "certificateSource": "config",
        "certificateChain": certificate.decode(),
        "certificateKey": secrets[key.decode()],
    }
    flags = ["--expect-no-changes"] if case in MENDED else []
    previews.ask(f"config: {case.name}", settings | roots(place, case), *flags)


def expect_refused(result: Result, setting: str, words: tuple[str, ...]) -> None:
    """That the preview ended with one message, and came no further than that."""
    assert result.code not in (0, None)
    (message,) = result.diagnostics["error"]
    assert message.startswith(f"1 problem in the stack's configuration:\n  - {setting}")
    assert [one for one in words if one not in message] == []
    assert (result.operations, result.changes) == ({}, {})
    assert "Traceback" not in result.text


def expect_taken(result: Result, words: tuple[str, ...], changes: Mapping[str, str], among: set[str]) -> None:
    """That one warning was said of the bundle itself (none, where there are no words), and that all but these
    changes is the same.

    The engine's own providers are left out: they are given the whole configuration, and change with it.
    """
    assert result.code == 0, result.text
    said = [one for one in result.complaints if UNKNOWN_AUTHORITY not in one]
    assert len(said) == bool(words)
    assert [one for one in words if one not in said[0]] == []
    operations = {name: one for name, one in result.operations.items() if not name.startswith("default")}
    assert operations == {name: changes.get(name, "same") for name in among if not name.startswith("default")}


def expect_no_secret(result: Result, key: Path) -> None:
    lines = [line.decode() for line in key.read_bytes().splitlines() if len(line) > 40 and line.isascii()]
    searched = result.text + json.dumps(result.events)
    assert [line for line in lines if line in searched] == []


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_an_odd_bundle_is_refused_at_the_preview(previews: Previews, case: Case) -> None:
    result = previews.of(case.name)

    if case.code == "fqdn-invalid":
        expect_refused(result, f"{NAMESPACE}:fqdn", (BAD_NAMES[case.fqdn],))
    else:
        expect_refused(result, f"{NAMESPACE}:certificateFile, {NAMESPACE}:keyFile", case.says)
    if case.code != "files-swapped":
        expect_no_secret(result, previews.place(case.name) / "key.pem")


@pytest.mark.parametrize("case", MENDED, ids=lambda case: case.name)
def test_an_odd_bundle_is_mended_at_the_preview(previews: Previews, case: Case) -> None:
    expect_taken(previews.of(case.name), case.says, UNCHANGED, previews.resources)


@pytest.mark.parametrize("case", FIT, ids=lambda case: case.name)
def test_a_bundle_that_is_only_unlike_others_is_taken_at_the_preview(previews: Previews, case: Case) -> None:
    expect_taken(previews.of(case.name), (), ANOTHER, previews.resources)


@pytest.mark.parametrize("case", WARNED, ids=lambda case: case.name)
def test_a_doubtful_bundle_is_warned_of_at_the_preview(previews: Previews, case: Case) -> None:
    result = previews.of(case.name)
    if case.roots is None:
        # of the test's own authority, which no machine trusts, and no rootsFile tells of it
        (unknown,) = [one for one in result.complaints if UNKNOWN_AUTHORITY in one]
        assert f"{NAMESPACE}:certificateFile, {NAMESPACE}:keyFile: " in unknown
        assert f"name its root in {NAMESPACE}:rootsFile" in unknown
    expect_taken(result, case.says, ANOTHER, previews.resources)


@pytest.mark.parametrize("case", odd_containers.REFUSED, ids=lambda case: case.name)
def test_an_odd_container_is_refused_at_the_preview(previews: Previews, case: odd_containers.Case) -> None:
    result = previews.of(f"pfx: {case.name}")

    expect_refused(result, f"{NAMESPACE}:pfxFile, {NAMESPACE}:pfxPassword", case.says)
    if case.password:
        assert case.password not in result.text


@pytest.mark.parametrize("case", [*odd_containers.MENDED, *odd_containers.WARNED], ids=lambda case: case.name)
def test_an_odd_container_is_taken_and_said_so(previews: Previews, case: odd_containers.Case) -> None:
    expect_taken(previews.of(f"pfx: {case.name}"), case.says, UNCHANGED, previews.resources)


@pytest.mark.parametrize("case", in_configuration(), ids=lambda case: case.name)
def test_an_odd_text_in_the_configuration(previews: Previews, case: Case) -> None:
    result = previews.of(f"config: {case.name}")

    if case in MENDED:
        expect_taken(result, case.says, UNCHANGED, previews.resources)
        return
    expect_refused(result, f"{NAMESPACE}:certificateChain, {NAMESPACE}:certificateKey", case.says)
    expect_no_secret(result, previews.place(f"config: {case.name}") / "key.pem")


def test_none_of_them_reached_the_service(previews: Previews) -> None:
    previews.finish()

    stack = previews.stack
    assert (stack.service(), stack.export(), stack.outputs(show_secrets=True)) == previews.before
    served = served_certificate(stack.service().address, 50051)
    assert fingerprint(served or b"") == fingerprint_sha256(GOOD.certificate)


def test_no_update_gives_one_to_the_service_either(previews: Previews) -> None:
    stack = previews.stack
    file = Path(
        yaml.safe_load((stack.folder / f"Pulumi.{stack.stack}.yaml").read_text())["config"][
            f"{NAMESPACE}:keyFile"
        ]
    )
    write(file, b"")

    refused = stack.up(code=None)

    expect_refused(refused, f"{NAMESPACE}:certificateFile", ("is empty",))
    assert stack.service() == previews.before[0]


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
def test_what_tls_stacks_take_is_served_to_callers(previews: Previews, case: Case) -> None:
    """Through every reader on the way: the program, its providers, the server, the check of the endpoint."""
    stack = previews.stack
    config = yaml.safe_load((stack.folder / f"Pulumi.{stack.stack}.yaml").read_text())["config"]
    certificate, key = case.texts()
    assert case.roots is not None
    contents = {"certificateFile": certificate, "keyFile": key, "rootsFile": chain(*case.roots)}
    for setting, data in contents.items():
        write(Path(config[f"{NAMESPACE}:{setting}"]), data)

    result = stack.up()

    (said,) = result.complaints
    assert [one for one in case.says if one not in said] == []
    served = served_certificate(stack.service().address, 50051)
    assert certificate.startswith(ssl.DER_cert_to_PEM_cert(served or b"").encode())
