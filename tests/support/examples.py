"""How many examples a test of hypothesis draws: few under `make test`, many under `make fuzz`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def examples(few: int, many: int, **options: Any) -> settings:
    """Settings for a test whose examples cost much: the profile's own, but for their number."""
    is_fuzzing = settings.get_current_profile_name() == "fuzz"
    return settings(max_examples=many if is_fuzzing else few, **options)
