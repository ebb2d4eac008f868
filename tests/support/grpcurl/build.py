"""grpcurl's executable, from the Go module proxy: about a minute, once a machine."""

from __future__ import annotations

from pathlib import Path

from engine import go
from engine.report import Report

MODULE = Path(__file__).parent
PACKAGE = "github.com/fullstorydev/grpcurl/cmd/grpcurl"


def ensure(report: Report) -> Path:
    """The executable, compiled where it is not in the cache.

    Raises:
        EngineError: no Go can be had, or its modules cannot be fetched.
    """
    return go.program(MODULE, PACKAGE, report, what="the gRPC caller grpcurl")
