"""`python -m tools.story`, as `make story` runs it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fpga.project import Project
from surroundings import settle
from tools.story.acts import ACTS
from tools.story.narrator import StoryError
from tools.story.secrecy import search
from tools.story.team import founded


def main() -> int:
    """Plays the story. Exit codes: 0 it went as it should, 1 it did not, 130 interrupted."""
    settle()
    parser = argparse.ArgumentParser(
        prog="python -m tools.story",
        description="Play the story of a pull request on this machine: a branch with new certificates, its "
        "plan, its merge through dev, staging and prod, and the night watch that finds a change by hand.",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where everything is made, anew each time (default: .local/story)",
    )
    options = parser.parse_args()
    project = Project.here()
    folder = (options.folder or project.local / "story").absolute()
    try:
        with founded(folder, project.checkout) as team:
            for act in ACTS:
                act(team)
            search(team)
    except StoryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nPlans, the comment, the findings and the whole log are in\n{folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
