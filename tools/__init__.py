"""Tools that measure, play and pin the project, and are no part of it."""
