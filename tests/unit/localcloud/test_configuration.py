"""Settings read from options and a file, each told as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud import command_line
from localcloud.configuration import reading, table
from localcloud.errors import StartError
from localcloud.settings import Settings, check

PARTS = {"data": ["/data"], "featurizers": ["/featurizers"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cloud.yaml"


def refusal(file: Path, content: str, options: dict[str, list[str]] | None = None) -> str:
    file.write_text(content)
    with pytest.raises(StartError) as refused:
        reading.read(options or {}, file)
    return str(refused.value)


def test_a_file_gives_what_options_would(file: Path) -> None:
    file.write_text(
        "# of the team\nhost: 127.0.0.2\nname: 'models.contoso.test'\npublic: true\nhttpsPort: 443\n"
        "packageHosts:\n- 127.0.0.1:9000\n- store.test\nfeaturizers: built\ndata: /data\n"
    )
    found = reading.read({}, file).settings()
    assert found == Settings(
        Path("/data"),
        file.parent / "built",
        host="127.0.0.2",
        name="models.contoso.test",
        public=True,
        https_port=443,
        package_hosts=("127.0.0.1:9000", "store.test"),
        config=found.config,
    )
    assert found.config is not None
    assert found.config.path == file
    assert (found.config.lines["https_port"], found.config.lines["package_hosts"]) == (5, 6)


def test_an_option_wins_and_one_that_loses_is_not_looked_at(file: Path) -> None:
    file.write_text("httpsPort: 70000\npublic: true\ndnsPort: 53\n")
    options = PARTS | {"https_port": ["0"], "public": ["false"]}
    found = reading.read(options, file).settings()
    assert (found.https_port, found.public, found.dns_port) == (0, False, 53)
    line = command_line.arguments(found, 7)
    read = command_line.read(command_line.parser().parse_args(line))
    assert read.settings() == found
    assert {"--https-port", "--no-public", "--config"} <= set(line)
    assert "--dns-port" not in line
    file.write_text("httpsPort: 1\ndnsPort: 54\nhost: 127.0.0.9\n")
    assert (read.settings().https_port, read.settings().dns_port) == (0, 54)
    assert read.settings().host == "127.0.0.9"


def test_a_command_line_gives_its_settings_back() -> None:
    settings = Settings(
        Path("/data"),
        Path("/featurizers"),
        Path("/node"),
        Path("/azurite"),
        host="127.0.0.2",
        public=True,
        scoring_network="127.90.0.0/16",
        package_hosts=("a:1", "b"),
    )
    line = command_line.arguments(settings, 7)
    assert command_line.read(command_line.parser().parse_args(line)).settings() == settings


def test_all_that_is_wrong_is_told_together(file: Path) -> None:
    told = refusal(
        file,
        "httpsPrt: 1\nblob-port: 70\nhttpsPort: 70000\nhost: [127.0.0.1]\nname:\npublic: maybe\n"
        "dnsPort: 5\ndnsPort: 6\npackageHosts: [[a]]\nzebra: 1\ndata: {a: 1}\n[a]: 1\nblobPort: -1\n",
        {"scoring_port": ["0"]},
    )
    assert told.splitlines() == [
        "13 settings cannot be used:",
        f"- httpsPrt ({file}, line 1) is no setting: httpsPort is the nearest there is.",
        f"- blob-port ({file}, line 2) is no setting: blobPort is the nearest there is.",
        f"- host ({file}, line 4) holds a list: give an IPv4 address.",
        f"- name ({file}, line 5) has no value: give a DNS name, or leave the key out.",
        f"- dnsPort ({file}, line 8) stands on line 7 already: leave one of them out.",
        f"- packageHosts ({file}, line 9) holds something in its list that is no single value: give a flat "
        "list.",
        f"- zebra ({file}, line 10) is no setting: leave it out.",
        f"- data ({file}, line 11) holds a mapping: give a path.",
        f"- what stands there ({file}, line 12) is no setting: leave it out.",
        f"- httpsPort: 70000 ({file}, line 3) is no port: give 1 to 65535, or 0 for any.",
        f"- public: maybe ({file}, line 6) is neither: give true or false.",
        f"- blobPort: -1 ({file}, line 13) is no port: give 1 to 65535, or 0 for any.",
        "- --scoring-port 0 is no port: give 1 to 65535.",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- 1\n", "holds no settings: write `KEY: VALUE`"),
        ("secret-of-mine\n", "holds no settings: write `KEY: VALUE`"),
        ("host: [\n", ", line 2 is no YAML: "),
        ("a: 1\n---\nb: 2\n", ", line 2 is no YAML: but found another document"),
        ("[" * 5000, " is no YAML: it cannot be read as such"),
        ("host: !!python/name:os.system 1\n", "!!python"),
    ],
)
def test_what_is_no_file_of_settings_is_refused(file: Path, content: str, message: str) -> None:
    if "!!python" in content:
        file.write_text(content)
        assert reading.read(PARTS, file).settings().host == "1"  # a tag has nothing made
        return
    told = refusal(file, content)
    assert told.startswith(str(file))
    assert message in told
    assert "secret" not in told


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(StartError, match=r"cloud\.yaml cannot be read \(No such file"):
        reading.read({}, file)
    with pytest.raises(StartError, match=r"cannot be read \(Is a directory"):
        reading.read({}, file.parent)
    file.write_bytes(b"host: \xff\n")
    with pytest.raises(StartError, match=r"cloud\.yaml is not text in UTF-8"):
        reading.read({}, file)
    file.write_bytes(b" " * (1 << 20) + b"1")
    with pytest.raises(StartError, match=r"has more than 1048576 bytes"):
        reading.read({}, file)


def test_an_empty_file_sets_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert reading.read({}, file).values == {}


def test_what_is_missing_is_told() -> None:
    with pytest.raises(StartError, match=r"^A setting is missing.*: --data DIR: Folder.*--featurizers DIR"):
        reading.read({}).settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "host: 10.1.2.3",
            "host: 10.1.2.3 ({}, line 1) is not loopback: other machines would reach it. Give",
        ),
        ("host: ::1", "host: ::1 ({}, line 1) is not an IPv4 address"),
        ("scoringNetwork: 10.0.0.0/8", "scoringNetwork: 10.0.0.0/8 ({}, line 1) is not loopback"),
        ("node: /node", "node and azurite go together"),
    ],
)
def test_a_check_names_a_setting_as_the_file_does(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    settings: Any = reading.read(PARTS, file).settings()
    with pytest.raises(StartError) as refused:
        check(settings)
    assert str(refused.value).startswith(message.format(file))


def test_each_key_and_option_is_one_setting_alone() -> None:
    settings = table.of(Settings).values()
    for names in ([one.key for one in settings], [one.option for one in settings]):
        assert len(names) == len(set(names))
    assert {one.key for one in settings} >= {"data", "httpsPort", "scoringNetwork", "packageHosts"}
