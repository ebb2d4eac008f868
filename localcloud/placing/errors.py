"""The refusal of placing."""

from __future__ import annotations

from localcloud.scoring.errors import ScoringError


class PlacingError(ScoringError):
    """Replicas that do not answer as they should: how many do, the reason, and what may be done."""
