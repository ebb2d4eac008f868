"""Measures of the machine, the facts that checks judge. They read alone, and speak with loopback alone."""

from __future__ import annotations

from fpga.doctor.measures import cloud, installation, network, shell, storage

__all__ = ["cloud", "installation", "network", "shell", "storage"]
