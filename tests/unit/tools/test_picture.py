"""The picture of the rooms: where each stands, who points at whom, and that a stale one is found."""

from __future__ import annotations

from graphlib import CycleError
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools import picture
from tools.picture import Room, arrows, draw, look, rows

GROUND = Room("ground", (), ())
WALLS = Room("walls", ("bricks", "mortar"), ("ground",))
CELLAR = Room("cellar", (), ("ground",))
ROOF = Room("roof", ("tiles",), ("cellar.steps", "ground", "walls"))
HOUSE = [ROOF, CELLAR, WALLS, GROUND]
LAYERS = ["roof", "walls", "ground"]


def test_a_room_stands_above_all_that_it_knows() -> None:
    names = [[room and room.name for room in row] for row in rows(HOUSE, LAYERS)]
    assert names == [[None, "roof", None], ["cellar", "walls", None], [None, "ground", None]]


def test_arrows_leave_out_what_is_reached_by_way_of_others() -> None:
    assert arrows(HOUSE) == [
        ("roof", "cellar"), ("roof", "walls"), ("cellar", "ground"), ("walls", "ground"),
    ]  # fmt: skip


def test_rooms_that_know_each_other_are_refused() -> None:
    with pytest.raises(CycleError, match="nodes are in a cycle"):
        rows([Room("a", (), ("b",)), Room("b", (), ("a",))], ["a"])


def test_it_is_the_same_each_time_and_has_every_folder() -> None:
    drawn = draw(HOUSE, LAYERS)
    assert drawn == draw(HOUSE, LAYERS)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:3] == ["roof", "tiles", "knows cellar.steps, ground, walls"]
    assert {"bricks, mortar", "knows no other"} <= set(texts)


def test_it_shows_the_rooms_that_the_contracts_name() -> None:
    rooms, layers = look()
    known = {room.name: room.knows for room in rooms}
    assert "clients.wire" in known["localcloud"]
    assert set(layers) < set(known)
    assert all(
        layers.index(one) < layers.index(other) for one, other in arrows(rooms) if {one, other} <= {*layers}
    )


def test_a_stale_one_is_found_and_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(picture, "PICTURE", tmp_path / "picture.svg")
    monkeypatch.setattr("sys.argv", ["picture", "--check"])
    assert picture.main() == 1
    assert "`make picture` draws it anew." in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["picture"])
    assert picture.main() == 0
    monkeypatch.setattr("sys.argv", ["picture", "--check"])
    assert picture.main() == 0
