"""A data folder of before: brought to the newest schema at a start, and nothing in it lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud import authority
from localcloud.datafolder import schema
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from tests.support.localcloud.arm_caller import ArmCaller

DUMP = Path(__file__).with_name("version_1.sql")
SECRET = "the-secret-of-before"
MODEL = "0b0f7a58-8f0e-4a6f-9b5d-0c1f8f5f4a10"


@pytest.fixture
def before(tmp_path: Path) -> Settings:
    """A data folder as localcloud left it when databases had no version and folders no identity."""
    data = tmp_path / "data"
    (data / "models").mkdir(parents=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with closing(sqlite3.connect(data / "localcloud.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        dump = DUMP.read_text().replace("@SIGNING_KEY@", key.decode())
        db.executescript(dump.replace("@CLIENT_SECRET@", SECRET))
    (data / "lock").touch()
    (data / "client-secret").write_text(SECRET)
    (data / "models" / f"{MODEL}.zip").write_bytes(b"package")
    authority.load_or_make(data, "127.0.0.1")
    return Settings(data, tmp_path / "featurizers")


def version(data: Path) -> int:
    with closing(sqlite3.connect(data / "localcloud.db")) as db:
        return schema.version_of(db)


def test_a_folder_of_before_is_taken_over_whole(before: Settings) -> None:
    assert version(before.data) == 0
    ca = (before.data / "ca.pem").read_bytes()
    for _ in range(2):
        with Cloud(before) as cloud, closing(ArmCaller(cloud)) as caller:
            assert cloud.status().tenant == "babd703d-0c4f-499b-a34f-2235f717c592"
            assert caller.secret == SECRET
            found = caller("GET", f"{caller.subscription}/resources").json()["value"]
            assert sorted(resource["name"] for resource in found) == ["acc", "contoso.com"]
            zone = f"{caller.subscription}/resourceGroups/rg/providers/Microsoft.Network/dnsZones/contoso.com"
            record = caller("GET", f"{zone}/A/www").json()["properties"]["ARecords"]
            assert record == [{"ipv4Address": "203.0.113.7"}]
    assert version(before.data) == schema.VERSION
    assert (before.data / "models" / f"{MODEL}.zip").read_bytes() == b"package"
    assert (before.data / "ca.pem").read_bytes() == ca
    assert not (before.data / "aside").exists()


def test_one_whose_log_was_lost_is_refused(before: Settings) -> None:
    """Of the time before marks: the tables are there, and the tenant was in the log."""
    with closing(sqlite3.connect(before.data / "localcloud.db")) as db:
        db.execute("DELETE FROM tenant")
        db.commit()
    content = (before.data / "localcloud.db").read_bytes()
    with pytest.raises(StartError) as refused:
        Cloud(before).start()
    assert str(refused.value) == (
        f"The database {before.data / 'localcloud.db'} holds nothing, and there is what belonged to it: "
        "client-secret, models. Nothing was changed. Put back what belongs here, restore a backup (`fpga "
        "cloud restore`), or start with a new --data folder."
    )
    assert (before.data / "localcloud.db").read_bytes() == content
    assert not (before.data / "identity.json").exists()


def test_a_step_that_fails_leaves_the_version_before_it(
    before: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        schema, "_STEPS", [*schema._STEPS, "CREATE TABLE half (a); INSERT INTO none VALUES (1);"]
    )
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with closing(sqlite3.connect(before.data / "localcloud.db", isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError, match="no such table: none"):
            schema.migrate(db)
        assert schema.version_of(db) == schema.VERSION - 1
        assert db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchone() is None
        assert not db.in_transaction


def test_each_version_is_one_step() -> None:
    """Two steps of one number: in another order each is another version, and a folder misses one."""
    steps = sorted((Path(schema.__file__).parent / "migrations").glob("*.sql"))
    assert [int(step.name.partition("-")[0]) for step in steps] == list(range(2, schema.VERSION + 1))
