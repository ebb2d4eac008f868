"""Checks: each a plain function of measured facts, which gives its findings. No I/O."""

from __future__ import annotations

from fpga.doctor.checks import cloud, installation, network, shell, storage

__all__ = ["cloud", "installation", "network", "shell", "storage"]
