"""The benchmark of the whole graph beside an empty program, under the same engine, in one run.

`python -m tools.bench.graph [--json]` measures in turns:

- a preview that finds no change, wall clock and CPU, as a multiple of the same preview of an empty program;
- an `up` that creates the whole graph, as seconds over an `up` of an empty program.

Engine, localcloud, state and stacks are the benchmark's own, in a temporary folder.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.bench import cost
from tools.bench.command import Progress, run, verdict

TURNS = 7
PREVIEW_LIMIT = 2.5
CREATE_LIMIT_S = 3.0
CREATE_TURNS = 3


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    from engine.install import install
    from engine.report import ConsoleReport
    from tests.support.stacks.local_cloud import running
    from tests.support.stacks.program_stack import ProgramStack
    from tests.support.stacks.pulumi_project import PulumiProject

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = ConsoleReport()
        with report.stage("engine"):
            engine = install(folder / ".local", report)
        with running(folder / "localcloud") as cloud:
            graph = ProgramStack(engine, cloud, folder, "bench")
            graph.make()
            empty = PulumiProject(engine, folder / "empty", state=folder / "empty-state")
            empty.write({"program/__main__.py": "import pulumi\n"})
            empty.init()
            sides = (empty, graph)

            created = []
            for number in range(1, CREATE_TURNS + 1):
                ups = [cost.of(side.up) for side in sides]
                created.append(ups)
                progress(
                    f"create {number} of {CREATE_TURNS}: {ups[1].wall_s - ups[0].wall_s:.2f} s over empty"
                )
                if number < CREATE_TURNS:
                    for side in sides:
                        side.destroy()

            previews = []
            for number in range(turns + 1):
                costs = [cost.of(lambda side=side: side.preview("--expect-no-changes")) for side in sides]  # type: ignore[misc]
                if number:  # the first turn warms up
                    previews.append(costs)
                    progress(f"preview {number} of {turns}: {costs[1].wall_s / costs[0].wall_s:.2f} x")
            for side in sides:
                side.destroy()
    return {
        "turns": turns,
        "preview_empty_s": round(statistics.median(empty.wall_s for empty, _ in previews), 2),
        "preview_graph_s": round(statistics.median(graph.wall_s for _, graph in previews), 2),
        "preview_wall_ratio": round(statistics.median(g.wall_s / e.wall_s for e, g in previews), 2),
        "preview_cpu_ratio": round(statistics.median(g.cpu_s / e.cpu_s for e, g in previews), 2),
        "preview_ratio_limit": PREVIEW_LIMIT,
        "create_empty_s": round(statistics.median(empty.wall_s for empty, _ in created), 2),
        "create_graph_s": round(statistics.median(graph.wall_s for _, graph in created), 2),
        "create_over_empty_s": round(statistics.median(g.wall_s - e.wall_s for e, g in created), 2),
        "create_over_empty_limit_s": CREATE_LIMIT_S,
    }


def show(result: dict[str, Any]) -> None:
    """Prints the figures for a person."""
    preview = verdict(result["preview_wall_ratio"] <= PREVIEW_LIMIT)
    create = verdict(result["create_over_empty_s"] <= CREATE_LIMIT_S)
    print("the whole graph beside an empty program")
    print(
        f"  preview, no change   {result['preview_wall_ratio']:.2f} x   "
        f"(at most {PREVIEW_LIMIT}: {preview})   "
        f"{result['preview_graph_s']} s, empty {result['preview_empty_s']} s; "
        f"CPU {result['preview_cpu_ratio']:.2f} x"
    )
    print(
        f"  up, all created    + {result['create_over_empty_s']:.2f} s   "
        f"(at most {CREATE_LIMIT_S} s: {create})   "
        f"{result['create_graph_s']} s, empty {result['create_empty_s']} s"
    )


if __name__ == "__main__":
    sys.exit(run("tools.bench.graph", "The graph beside an empty program.", TURNS, measure, show))
