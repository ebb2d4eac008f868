"""Names of folders as people have them: what means something to a shell, to make, in a URL or in a format."""

from __future__ import annotations

from typing import Final

ODD: Final = """my c#1 100% a%2Fb ünï o'brien "q" $HOME;a&b what? back\\slash `id` [copy],1"""
