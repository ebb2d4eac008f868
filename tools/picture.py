"""The picture of the rooms in `docs/architecture.svg`, made from their imports: `python -m tools.picture`.

A box is a room, with its folders and the rooms that it knows. It stands above all of these; an arrow leads to
those that it does not reach by way of others. `--check` fails where the picture is another one.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import wrap
from typing import Final
from xml.sax.saxutils import escape

import grimp

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = CHECKOUT / "docs/architecture.svg"

WIDTH: Final = 276
GAP: Final = 24
ROW_GAP: Final = 44
LINE: Final = 18
PADDING: Final = 14
COLUMNS: Final = 38  # letters that a line of a box has room for
CENTRE: Final = 1

# Its own ground, for what shows it may be light or dark; the letters' colours go with whatever is asked for.
STYLE: Final = """\
  <style>
    .ground { fill: #f6f8fa; }
    .room { fill: #ffffff; stroke: #59636e; }
    .arrow { fill: none; stroke: #59636e; stroke-width: 1.5; }
    .head { fill: #59636e; }
    text { font: 12px system-ui, sans-serif; fill: #59636e; }
    .name { font-size: 15px; font-weight: 600; fill: #1f2328; }
    .folders { fill: #1f2328; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; }
      .room { fill: #151b23; stroke: #9198a1; }
      .arrow { stroke: #9198a1; }
      .head { fill: #9198a1; }
      text { fill: #9198a1; }
      .name, .folders { fill: #f0f6fc; }
    }
  </style>"""


@dataclass(frozen=True)
class Room:
    """A room as the picture has it.

    Attributes:
        folders: the names of its packages, sorted.
        knows: the rooms that it imports; where it is none of the layers and takes one part of a room alone,
            that part.
    """

    name: str
    folders: tuple[str, ...]
    knows: tuple[str, ...]

    @property
    def rooms(self) -> frozenset[str]:
        """The names of the rooms that it imports."""
        return frozenset(known.partition(".")[0] for known in self.knows)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The lines below its name, each with its class."""
        folders = [("folders", line) for line in wrap(", ".join(self.folders), COLUMNS)]
        known = ", ".join(self.knows) or "no other"
        return folders + [("knows", line) for line in wrap(f"knows {known}", COLUMNS)]

    @property
    def height(self) -> int:
        return 2 * PADDING + LINE * len(self.lines) + 16


def look(checkout: Path = CHECKOUT) -> tuple[list[Room], list[str]]:
    """The rooms of a checkout, and the names of those that stand in layers, from top to bottom."""
    linter = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    names: list[str] = linter["root_packages"]
    # a contract with containers is about the parts of a room
    (layers,) = [
        contract["layers"]
        for contract in linter["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    ]
    graph = grimp.build_graph(*names, cache_dir=None)
    taken: dict[str, dict[str, set[str]]] = {name: {} for name in names}
    for importer in graph.modules:
        room = importer.partition(".")[0]
        for imported in graph.find_modules_directly_imported_by(importer):
            if (other := imported.partition(".")[0]) != room:
                taken[room].setdefault(other, set()).add(".".join(imported.split(".")[:2]))
    rooms = []
    for name in names:
        folders = sorted(folder.parent.name for folder in (checkout / name).glob("*/__init__.py"))
        parts = {} if name in layers else taken[name]
        knows = [
            next(iter(parts[other])) if len(parts.get(other, ())) == 1 else other for other in taken[name]
        ]
        rooms.append(Room(name, tuple(folders), tuple(sorted(knows))))
    return rooms, layers


def rows(rooms: Sequence[Room], layers: Sequence[str]) -> list[list[Room | None]]:
    """The rooms from top to bottom, each above all that it knows; of three columns the middle has the layers.

    Raises:
        graphlib.CycleError: two rooms know each other.
    """
    by_name = {room.name: room for room in rooms}
    heights: dict[str, int] = {}
    for name in TopologicalSorter({room.name: room.rooms for room in rooms}).static_order():
        heights[name] = 1 + max((heights[other] for other in by_name[name].rooms), default=-1)
    placed: list[list[Room | None]] = [[None, None, None] for _ in range(1 + max(heights.values()))]
    sides = [0, 2]
    for name in sorted(by_name):
        row = placed[-1 - heights[name]]
        if name in layers:
            row[CENTRE] = by_name[name]
        else:
            row[next(side for side in sides if row[side] is None)] = by_name[name]
            sides.reverse()
    return placed


def arrows(rooms: Sequence[Room]) -> list[tuple[str, str]]:
    """The arrows from a room to those that it knows, but for what others lead to (transitive reduction)."""
    by_name = {room.name: room for room in rooms}

    def reached(name: str) -> frozenset[str]:
        return by_name[name].rooms.union(*(reached(other) for other in by_name[name].rooms))

    return [
        (room.name, other)
        for room in rooms
        for other in sorted(room.rooms)
        if not any(other in reached(between) for between in room.rooms)
    ]


def draw(rooms: Sequence[Room], layers: Sequence[str]) -> str:
    """The picture, as SVG."""
    boxes: list[str] = []
    places: dict[str, tuple[int, int, int]] = {}  # the middle of a box, its top and its bottom
    top = GAP
    for row in rows(rooms, layers):
        height = max(room.height for room in row if room)
        for column, room in enumerate(row):
            if room:
                left = GAP + column * (WIDTH + GAP)
                places[room.name] = (left + WIDTH // 2, top, top + height)
                boxes += _box(room, left, top, height)
        top += height + ROW_GAP
    width, height = GAP + 3 * (WIDTH + GAP), top - ROW_GAP + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "  <title>The rooms, their folders, and who knows whom</title>",
            STYLE,
            '  <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"',
            '    orient="auto">',
            '    <path class="head" d="M0 0 8 4 0 8z"/>',
            "  </marker>",
            f'  <rect class="ground" width="{width}" height="{height}" rx="8"/>',
            *(_arrow(source, target, places) for source, target in arrows(rooms)),
            *boxes,
            "</svg>",
            "",
        ]
    )


def _box(room: Room, left: int, top: int, height: int) -> list[str]:
    x, y = left + PADDING, top + PADDING + 12
    texts = [f'  <text class="name" x="{x}" y="{y}">{escape(room.name)}</text>']
    for number, (kind, line) in enumerate(room.lines, start=1):
        texts.append(f'  <text class="{kind}" x="{x}" y="{y + 4 + LINE * number}">{escape(line)}</text>')
    return [f'  <rect class="room" x="{left}" y="{top}" width="{WIDTH}" height="{height}" rx="6"/>', *texts]


def _arrow(source: str, target: str, places: Mapping[str, tuple[int, int, int]]) -> str:
    (x1, _, y1), (x2, y2, _) = places[source], places[target]
    # towards the side that it comes from, so that several ends at one box stay apart
    begin, end = (x + (40 if x < other else -40 if x > other else 0) for x, other in ((x1, x2), (x2, x1)))
    bend = (y2 - y1) // 2
    curve = f"M{begin} {y1}C{begin} {y1 + bend} {end} {y2 - bend} {end} {y2}"
    return f'  <path class="arrow" d="{curve}" marker-end="url(#head)"/>'


def main() -> int:
    """Returns the exit code: 1 where the picture that is there is another one, and is to be checked."""
    parser = argparse.ArgumentParser(prog="python -m tools.picture", description="Draw the rooms.")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    drawn = draw(*look())
    if not parser.parse_args().check:
        PICTURE.write_text(drawn, "utf-8")
        return 0
    if PICTURE.exists() and PICTURE.read_text("utf-8") == drawn:
        return 0
    print(
        "error: docs/architecture.svg shows other rooms than there are: `make picture` draws it anew.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
