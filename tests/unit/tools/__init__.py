"""Tests of what checks the project itself."""
