"""Refusals of scoring.

ScoringError
├── PackageError    a model package cannot run here
├── CrashError      a model package ended the server
├── CancelledError  nobody waits for it any more
├── StoppingError   the server ends before it is done
├── TlsError        gRPC cannot serve with this certificate and key
├── BindError       the address of a service cannot be bound
├── BusyError       there is no place for another call
└── InputError      what a caller sent cannot be scored
"""

from __future__ import annotations

from localcloud.errors import LocalcloudError


class ScoringError(LocalcloudError):
    """Root of what scoring raises on purpose; the message is for a person and holds no secret."""


class PackageError(ScoringError):
    """A model package cannot run on this server: what is wrong, and what there is instead."""


class CrashError(ScoringError):
    """A model package whose load ended this server before: how often, and what may be done."""


class CancelledError(ScoringError):
    """Work that was ended before its end, for nobody waits for it any more."""


class StoppingError(ScoringError):
    """Work that the end of the server cut off: to be asked for again, of its successor."""


class TlsError(ScoringError):
    """A certificate chain and key with which no TLS handshake succeeds: what is wrong with them."""


class BindError(ScoringError):
    """An address and port that cannot be bound: which, and why."""


class BusyError(ScoringError):
    """A call that finds no place: how many others have one."""


class InputError(ScoringError):
    """A request that cannot be scored: what came, and what this service takes."""
