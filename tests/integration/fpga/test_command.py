"""The command as a person types it: words, exit codes, and what a start costs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest

from clients.wire import messages
from clients.wire import tensorflow_serving as serving
from infra.inputs.model_package import UNLABELLED_DEFAULT
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support import waits
from tests.support.certificates.authority import Authority
from tests.support.servers.name_server import address, name_server
from tests.support.servers.scoring_server import Running, scores, scoring_server

FQDN = "scores.contoso.test"
KEY = "the-primary-key"


def _fpga(
    *arguments: str, local: Path, folder: Path | None = None, stdin: bytes | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FPGA_LOCAL": str(local), "COLUMNS": "100", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "fpga.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        input=None if stdin is None else stdin.decode(),
        check=False,
        timeout=60,
    )
    done.stderr = waits.without(done.stderr)
    return done


def _engine_that_prints(
    local: Path, outputs: Mapping[str, object], model_sha256: str = UNLABELLED_DEFAULT
) -> None:
    """A `pulumi` that gives these outputs and a state with this model, and refuses every other command."""
    folder = local / "bin"
    folder.mkdir(parents=True)
    (local / "outputs.json").write_text(json.dumps(outputs))
    model = {"type": "pulumi-python:dynamic/fpga:Model", "inputs": {"sha256": model_sha256}}
    (local / "state.json").write_text(json.dumps({"deployment": {"resources": [model]}}))
    script = folder / "pulumi"
    script.write_text(
        "#!/bin/sh\n"
        f'if [ "$1 $2" = "stack output" ]; then cat {local}/outputs.json; exit 0; fi\n'
        f'if [ "$1 $2" = "stack export" ]; then cat {local}/state.json; exit 0; fi\n'
        'echo "error: no stack named" >&2; exit 255\n'
    )
    script.chmod(0o700)


def _outputs(port: int, root: str, name_servers: list[str], **others: object) -> dict[str, object]:
    return {
        "account": "models",
        "resourceGroup": "group",
        "subscriptionId": "11111111-2222-3333-4444-555555555555",
        "location": "eastus2",
        "fqdn": FQDN,
        "ip": "127.0.0.1",
        "port": port,
        "sslEnabled": True,
        "nameServers": name_servers,
        "certificateFingerprint": "AA:BB",
        "certificateExpiry": "2030-01-01T00:00:00+00:00",
        "rootCertificate": root,
        "primaryKey": KEY,
        "secondaryKey": "the-secondary-key",
    } | others


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["up"],
        ["predict"],
        ["cloud"],
        ["cloud", "up"],
        ["cloud", "down"],
        ["cloud", "status"],
        ["cloud", "backup"],
        ["cloud", "restore"],
        ["cloud", "rotate"],
        ["down"],
        ["clean"],
    ],
)
def test_help_everywhere(arguments: list[str], tmp_path: Path) -> None:
    done = _fpga(*arguments, "--help", local=tmp_path)
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert done.stdout.startswith("Usage:")


def test_help_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['fpga', '--help']\n"
        "from fpga.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "costly = {'grpc', 'numpy', 'pulumi', 'requests', 'cryptography', 'rich', 'onnx', 'yaml', 'dns'}\n"
        "print('imported:', sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_version(tmp_path: Path) -> None:
    done = _fpga("--version", local=tmp_path)
    assert (done.returncode, done.stdout) == (0, "fpga 0.1.0\n")


def test_bad_usage_is_two(tmp_path: Path) -> None:
    done = _fpga("predict", "photo.jpg", "--key", "third", local=tmp_path)
    assert done.returncode == 2
    assert "'third' is not one of 'primary', 'secondary'" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_none_is_one_sentence_and_one(tmp_path: Path) -> None:
    done = _fpga("cloud", "status", local=tmp_path)
    assert done.returncode == 1
    assert (
        waits.without(done.stderr)
        == f"error: No localcloud runs on {tmp_path}/cloud: `fpga cloud up` starts one.\n"
    )
    told = json.loads(_fpga("cloud", "status", "--json", local=tmp_path).stdout)
    assert told["running"] is False
    assert (tmp_path / "cloud").exists() is False


def test_a_backup_and_what_is_made_of_it(tmp_path: Path) -> None:
    with Cloud(Settings(tmp_path / "cloud", tmp_path)):
        done = _fpga("cloud", "backup", str(tmp_path / "file.tar"), local=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{tmp_path}/cloud is in {tmp_path}/file.tar, 0.")
        again = _fpga("cloud", "restore", str(tmp_path / "file.tar"), local=tmp_path)
        assert again.returncode == 1
        assert "error: " in again.stderr
        assert (
            "/cloud holds something: a backup is restored into a new or empty folder alone." in again.stderr
        )
    new = tmp_path / "new"
    done = _fpga("cloud", "restore", str(tmp_path / "file.tar"), "--data", str(new), local=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        f"{new} holds what {tmp_path}/file.tar kept: `fpga cloud up` serves it.\n",
    )
    assert (new / "client-secret").read_bytes() == (tmp_path / "cloud" / "client-secret").read_bytes()


def test_the_folder_is_the_one_that_the_file_of_settings_names(tmp_path: Path) -> None:
    settings = tmp_path / "etc" / "cloud.yaml"
    settings.parent.mkdir()
    settings.write_text("data: served\nhttpsPort: 0\n")
    served = settings.parent / "served"  # a relative path goes from the folder of the file
    stopped = f"error: No localcloud runs on {served}: `fpga cloud up` starts one.\n"
    named = ("--config", str(settings))
    told = _fpga("cloud", "status", *named, local=tmp_path)
    assert (told.returncode, waits.without(told.stderr)) == (1, stopped)
    told = _fpga("cloud", "status", *named, "--data", str(tmp_path / "mine"), local=tmp_path)
    assert waits.without(told.stderr) == stopped.replace(str(served), f"{tmp_path}/mine"), "the option wins"
    told = _fpga("cloud", "down", *named, local=tmp_path)
    assert told.stdout == f"No localcloud runs on {served}.\n"
    with Cloud(Settings(served, tmp_path)):
        done = _fpga("cloud", "backup", str(tmp_path / "file.tar"), *named, local=tmp_path)
        assert done.stdout.startswith(f"{served} is in "), done.stderr
        done = _fpga("cloud", "rotate", "ca", *named, local=tmp_path)
        assert done.returncode == 0, done.stderr
        done = _fpga("cloud", "restore", str(tmp_path / "file.tar"), *named, local=tmp_path)
        assert f"{served} holds something" in done.stderr
    settings.write_text("dat: served\n")
    for command in ("status", "down"):
        done = _fpga("cloud", command, *named, local=tmp_path)
        assert done.returncode == 1
        assert f"dat ({settings}, line 1) is no setting" in done.stderr


def test_a_rotation_tells_what_is_to_be_renewed(tmp_path: Path) -> None:
    local = tmp_path / "local"
    secret, ca, bundle = (
        local / "cloud" / "client-secret",
        local / "cloud" / "ca.pem",
        local / "roots" / "s.pem",
    )
    with Cloud(Settings(local / "cloud", tmp_path)):
        before = secret.read_text()
    bundle.parent.mkdir()
    bundle.write_bytes(b"# a root of the machine's\n\n" + ca.read_bytes())
    done = _fpga("cloud", "rotate", "sign-in", local=local)
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    told = done.stdout.splitlines()
    assert told[0] == f"The client's secret is new, in {secret}, and so is the key that signs tokens."
    assert re.fullmatch(
        r"The secret of before opens until \d{4}-\d\d-\d\d \d\d:\d\d UTC, and no token of before longer\.",
        told[1],
    )
    assert told[2:] == ["What signs in with it needs the new one: no stack of this checkout does."]
    assert secret.read_text() not in {before, *told}
    done = _fpga("cloud", "rotate", "sign-in", "--now", local=local)
    assert done.stdout.splitlines()[1] == (
        "The secret of before opens nothing any more, and no token of before does."
    )

    done = _fpga("cloud", "rotate", "ca", local=local)
    assert done.stdout.splitlines() == [
        f"The new CA is in {ca} beside the one of before, which still issues.",
        f"These follow: {bundle}",
        f"Callers elsewhere, and processes that run, trust it once they have read {ca}.",
        "When they have: `fpga cloud rotate ca --now`.",
    ]
    assert bundle.read_bytes() == b"# a root of the machine's\n\n" + ca.read_bytes()
    done = _fpga("cloud", "rotate", "ca", "--now", local=local)
    assert done.stdout.splitlines() == [
        f"The new CA, alone in {ca}, has issued the certificate that is shown from now on.",
        f"These follow: {bundle}",
        f"Callers elsewhere, and processes that run, trust it once they have read {ca}.",
    ]
    assert bundle.read_bytes() == b"# a root of the machine's\n\n" + ca.read_bytes()
    assert ca.read_bytes().count(b"BEGIN CERTIFICATE") == 1

    done = _fpga("cloud", "rotate", "ca", "--data", str(tmp_path), local=local)
    assert done.returncode == 1
    assert waits.without(done.stderr) == (
        f"error: {tmp_path} holds no localcloud's data: name its folder with --data.\n"
    )


def test_down_of_nothing_is_fine(tmp_path: Path) -> None:
    done = _fpga("down", local=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


def test_predict_without_an_engine_tells_the_remedy(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    done = _fpga("predict", str(photo), local=tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"error: The engine is not installed in {tmp_path}: run `make up` (or `fpga up`) first.\n"
    )


def test_predict_of_no_photo(tmp_path: Path) -> None:
    done = _fpga("predict", "nowhere.jpg", local=tmp_path)
    assert (done.returncode, waits.without(done.stderr)) == (1, "error: There is no photo nowhere.jpg.\n")


def test_predict_with_a_name_server_that_is_none(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    done = _fpga("predict", str(photo), "--name-server", "ns1.contoso.test", local=tmp_path)
    words = "error: --name-server: The name server 'ns1.contoso.test' is not ADDRESS or ADDRESS:PORT.\n"
    assert (done.returncode, waits.without(done.stderr)) == (1, words)


def test_predict_while_localcloud_is_down_says_so_at_once(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    ports = {"host": "127.0.0.1", "https": 1, "dns": 2, "blob": 3}
    (cloud / "ports.json").write_text(json.dumps(ports))
    _engine_that_prints(tmp_path, _outputs(50051, "", ["127.0.0.1:2"]))
    done = _fpga("predict", str(photo), local=tmp_path)
    assert done.returncode == 1
    assert waits.without(done.stderr).startswith("error: localcloud does not run: `fpga cloud up` starts it")


def test_predict_on_a_stack_that_is_not_deployed(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    _engine_that_prints(tmp_path, {})
    done = _fpga("predict", str(photo), local=tmp_path)
    assert done.returncode == 1
    assert waits.without(done.stderr).startswith(
        "error: The stack local has no output 'account': it is not deployed yet"
    )


def _thousand(request: messages.PredictRequest, context: object) -> messages.PredictResponse:
    import numpy as np

    scores = np.zeros((1, 1000), dtype=np.float32)
    scores[0, :5] = [0.05, 0.5, 0.2, 0.1, 0.15]
    response = messages.PredictResponse()
    response.outputs["output_alias"].CopyFrom(serving.tensor_from_array(scores))
    return response


def test_predict_calls_by_name_over_tls_with_the_key(tmp_path: Path) -> None:
    authority = Authority()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"the photo")
    with (
        scoring_server(tls=authority.issue([FQDN]), key=KEY, handler=_thousand) as running,
        name_server(address(FQDN, "127.0.0.1")) as server,
    ):
        _engine_that_prints(tmp_path, _outputs(running.port, authority.root.decode(), [server]))
        spoken = _fpga("predict", str(photo), local=tmp_path)
        machine = _fpga("predict", str(photo), "--json", local=tmp_path)
        wrong = _fpga("predict", str(photo), "--key", "secondary", local=tmp_path)
    assert (spoken.returncode, waits.without(spoken.stderr)) == (0, "")
    first, *_ = lines = spoken.stdout.splitlines()
    assert first.split() == ["1.", "goldfish", "50.00%"]
    assert lines[-1].startswith(f"{FQDN} at 127.0.0.1:{running.port}: ")
    assert lines[-1].endswith(" to score (stack local)")
    told = json.loads(machine.stdout)
    assert told["stack"] == "local"
    assert [label["name"] for label in told["labels"]][:2] == ["goldfish", "great white shark"]
    assert told["connect_s"] > 0
    assert told["score_s"] > 0
    assert running.keys == [KEY, KEY, "the-secondary-key"]
    assert wrong.returncode == 1
    assert "does not accept the key: it is neither the primary nor the secondary one" in wrong.stderr
    assert "the-secondary-key" not in wrong.stderr + wrong.stdout


def test_predict_without_ssl_sends_no_key(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"the photo")
    with (
        scoring_server(handler=_thousand) as running,
        name_server(address(FQDN, "127.0.0.1")) as server,
    ):
        # The zone's servers by name, as on Azure, where the system's resolver knows the zone.
        outputs = _outputs(running.port, "", ["ns1-01.azure-dns.com:53"], sslEnabled=False)
        _engine_that_prints(tmp_path, outputs)
        done = _fpga("predict", str(photo), "--name-server", server, local=tmp_path)
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert running.keys == [None]


def test_a_model_of_before_whose_package_had_no_labels_keeps_those_it_is_known_by(tmp_path: Path) -> None:
    """A thousand classes of anybody else's model are shown by their numbers."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"the photo")
    with (
        scoring_server(handler=_thousand) as running,
        name_server(address(FQDN, "127.0.0.1")) as server,
    ):
        outputs = _outputs(running.port, "", [server], sslEnabled=False)
        _engine_that_prints(tmp_path / "default", outputs)
        _engine_that_prints(tmp_path / "own", outputs, model_sha256="00" * 32)
        default = _fpga("predict", str(photo), local=tmp_path / "default")
        own = _fpga("predict", str(photo), local=tmp_path / "own")
    assert default.stdout.splitlines()[0].split() == ["1.", "goldfish", "50.00%"]
    assert own.stdout.splitlines()[0].split() == ["1.", "class", "1", "50.00%"]


def _labelled(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
    """Three classes with labels for a photo; a refusal of what is none."""
    if request.inputs["images"].string_val[0] != b"the photo":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The image cannot be read")
    response = scores(request, context)
    if "labels" in request.output_filter:
        response.outputs["labels"].CopyFrom(
            serving.tensor_from_bytes([b"cat", b"d\x1b[2Jog", "füchs".encode()])
        )
    return response


@pytest.fixture
def named_service(tmp_path: Path) -> Iterator[tuple[list[str], Running]]:
    """A service with SSL, and the options that name it."""
    authority = Authority()
    (tmp_path / "root.pem").write_bytes(authority.root)
    (tmp_path / "key").write_text(f"{KEY}\r\n")
    with scoring_server(tls=authority.issue(["localhost"]), key=KEY, handler=_labelled) as running:
        files = ["--key-file", str(tmp_path / "key"), "--roots", str(tmp_path / "root.pem")]
        yield ["--endpoint", f"localhost:{running.port}", *files], running


def test_predict_needs_no_checkout_where_the_endpoint_is_named(
    tmp_path: Path, named_service: tuple[list[str], Running]
) -> None:
    options, running = named_service
    (tmp_path / "photo.jpg").write_bytes(b"the photo")
    done = _fpga("predict", "photo.jpg", *options, local=tmp_path / "nothing", folder=tmp_path)
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["1.", "d\ufffd[2Jog", "70.00%"],
        ["2.", "füchs", "20.00%"],
        ["3.", "cat", "10.00%"],
    ]
    assert lines[3].startswith("localhost at localhost:")
    assert running.keys == [KEY]
    assert not (tmp_path / "nothing").exists()


def test_predict_takes_files_folders_and_standard_input(
    tmp_path: Path, named_service: tuple[list[str], Running]
) -> None:
    options, _ = named_service
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg"):
        (folder / name).write_bytes(b"the photo")
    (folder / "c.heic").write_bytes(b"no photo")
    (folder / "d.jpg").write_bytes(b"")
    done = _fpga("predict", "photos", "-", *options, local=tmp_path, folder=tmp_path, stdin=b"the photo")
    assert done.returncode == 1
    headings = [line for line in done.stdout.splitlines() if line.endswith(":")]
    assert headings == ["photos/a.png:", "photos/b.JPG:", "photos/c.heic:", "photos/d.jpg:", "-:"]
    assert "cannot score this input: The image cannot be read" in done.stdout
    assert "  error: The photo photos/d.jpg is empty." in done.stdout
    assert done.stdout.count("füchs") == 3
    assert waits.without(done.stderr).splitlines()[-1] == "error: 2 of 5 photos could not be scored."

    told = json.loads(_fpga("predict", "photos", *options, "--json", local=tmp_path, folder=tmp_path).stdout)
    assert [one["photo"] for one in told] == [
        f"photos/{name}" for name in ("a.png", "b.JPG", "c.heic", "d.jpg")
    ]
    assert told[0]["labels"][0] == {"name": "d\x1b[2Jog", "score": pytest.approx(0.7), "number": 1}
    assert told[0]["probabilities"] is True
    assert "cannot be read" in told[2]["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "-"], "- stands for standard input, which can be read only once."),
        (
            ["-", "--roots", "r.pem"],
            "--key-file and --roots go with --endpoint; a stack's outputs tell both.",
        ),
        (["-", "--endpoint", "a b"], "--endpoint: 'a b' is not HOST or HOST:PORT, with grpcs:// or"),
        (["-", "--endpoint", "ftp://host"], "--endpoint: 'ftp://host' is not HOST or HOST:PORT"),
        (["-", "--endpoint", "host:70000"], "--endpoint: 'host:70000' is not HOST or HOST:PORT"),
        (
            ["-", "--endpoint", "grpc://host", "--key-file", "key"],
            "--endpoint: grpc:// is a service without SSL, which takes no --key-file and no --roots.",
        ),
        (["-", "--endpoint", "host", "--key-file", "key"], "--key-file: key cannot be read: No such file or"),
        (["empty"], "There is no photo in empty: it has 0 other files."),
    ],
)
def test_predict_says_what_is_wrong_with_its_arguments(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = _fpga("predict", *arguments, local=tmp_path, folder=tmp_path, stdin=b"")
    assert done.returncode == 1
    assert waits.without(done.stderr).startswith(f"error: {message}")


def test_a_service_without_ssl_is_named_by_its_scheme(tmp_path: Path) -> None:
    with scoring_server(handler=_labelled) as running:
        endpoint = f"grpc://localhost:{running.port}"
        done = _fpga("predict", "-", "--endpoint", endpoint, local=tmp_path, stdin=b"the photo")
        empty = _fpga("predict", "-", "--endpoint", endpoint, local=tmp_path, stdin=b"")
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert running.keys == [None]
    assert (empty.returncode, empty.stderr) == (1, "error: The photo standard input is empty.\n")


def test_principals_are_added_listed_rotated_trusted_and_removed(tmp_path: Path) -> None:
    local = tmp_path / "local"
    with Cloud(Settings(local / "cloud", tmp_path)) as cloud:
        subscription = f"/subscriptions/{cloud.status().subscription}"

    def principal(*arguments: str) -> subprocess.CompletedProcess[str]:
        return _fpga("cloud", "principal", *arguments, local=local)

    secret = tmp_path / "secret"
    done = principal("add", "ci", "--role", "reader", "--role", "keys-reader", "--secret-file", str(secret))
    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert re.fullmatch(
        rf"ci is added\. Its client ID is [0-9a-f-]{{36}}\.\nIts secret is in {secret}\.\n", done.stdout
    )
    first = secret.read_text()
    assert secret.stat().st_mode & 0o777 == 0o600
    assert first not in done.stdout
    done = principal("add", "ci", "--role", "owner")
    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        "error: There is a principal 'ci' already: give another name, or remove it first.\n",
    )
    done = principal("rotate", "ci", "--secret-file", "-")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stdout.strip() not in {first, ""}
    done = principal("rotate", "ci", "--now", "--secret-file", str(tmp_path / "none" / "file"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("cannot be written: No such file or directory. Nothing was changed.\n")
    subject = "repo:contoso/fpga:environment:dev-preview"
    assert principal("trust", "ci", "--issuer", "https://i.example", "--subject", subject).returncode == 0
    told = json.loads(principal("list", "--json").stdout)
    assert [one["name"] for one in told] == ["ci", "owner"]
    assert all(one["scope"] == subscription for one in told[0]["roles"])
    assert sorted(one["role"] for one in told[0]["roles"]) == ["keys-reader", "reader"]
    assert len(told[0]["secrets"]) == 2
    assert told[0]["federatedCredentials"] == [
        {"issuer": "https://i.example", "subject": subject, "audiences": ["api://AzureADTokenExchange"]}
    ]
    assert all(secret["madeOn"] for secret in told[0]["secrets"])
    assert [one["lastSignIn"] for one in told] == [None, None]
    shown = principal("list").stdout
    assert f"  tokens of https://i.example for {subject}, audience" in shown
    assert re.search(r"^  a secret, 0 days old, made 20[\d: -]+ UTC$", shown, re.MULTILINE)
    assert "  last sign-in: none is known\n" in shown
    assert principal("grant", "ci", "--role", "reader", "--role", "contributor").stdout == (
        f"ci was already reader of {subscription}.\nci is contributor of {subscription}.\n"
    )
    done = principal("revoke", "ci", "--role", "contributor", "--scope", subscription.upper())
    assert done.stdout == f"ci is no longer contributor of {subscription.upper()}.\n"
    done = principal("revoke", "ci", "--role", "contributor")
    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        f"error: 'ci' is not given contributor of {subscription}: `fpga cloud principal list` tells what it "
        "is, and of what.\n",
    )
    done = principal("trust", "ci", "--issuer", "https://i.example", "--subject", subject, "--end")
    assert done.stdout == f"Tokens of https://i.example for {subject} sign ci in no more.\n"
    assert (
        principal("remove", "CI").stdout
        == "ci is removed: its secrets and its tokens open nothing any more.\n"
    )
    done = principal("remove", "ci")
    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        "error: There is no principal 'ci': `fpga cloud principal list` tells which are.\n",
    )
    assert [one["name"] for one in json.loads(principal("list", "--json").stdout)] == ["owner"]
