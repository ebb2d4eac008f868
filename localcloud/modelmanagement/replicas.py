"""The number of a service's replicas, as requests ask for it and answers tell it. Pure.

`autoScaler` is as the Model Management API of 2017-06-01-preview has it: `{autoscaleEnabled, minReplicas,
maxReplicas, …}`, beside which `numReplicas` has no say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localcloud.modelmanagement.fields import invalid, optional_flag, optional_number

_NUMBER: Final = "numReplicas"
_SCALER: Final = "autoScaler"
_NOT_OFFERED: Final = ("refreshPeriodInSeconds", "targetUtilization")


@dataclass(frozen=True)
class Replicas:
    """The number of replicas that is asked for.

    Attributes:
        least: how many there are to be, 1 at least.
        most: how many there may be where their number follows the calls; None: `least` it is.
    """

    least: int
    most: int | None = None

    @property
    def fpgas(self) -> int:
        """How many FPGAs are kept for them, one each."""
        return self.least if self.most is None else self.most

    def __str__(self) -> str:
        """The number as a person reads it, such as `3` or `2 to 5`."""
        return str(self.least) if self.most is None else f"{self.least} to {self.most}"

    def document(self) -> dict[str, Any]:
        """The properties that tell them."""
        if self.most is None:
            return {_NUMBER: self.least}
        scaler = {"autoscaleEnabled": True, "minReplicas": self.least, "maxReplicas": self.most}
        return {_NUMBER: self.least, _SCALER: scaler}

    @property
    def unplaced(self) -> str | None:
        """What a person should know where nothing places replicas; None: one is all that is asked for."""
        if self.fpgas == 1:
            return None
        return (
            f"This localcloud places no replicas: {self} are asked for, 1 answers. `fpga cloud up --ray` has "
            "them placed on other machines (docs/replicas.md)."
        )


@dataclass(frozen=True)
class Answering:
    """The replicas of a service that answer now.

    Attributes:
        wanted: how many there are to be.
        number: how many answer.
        note: the reason why there are fewer, a sentence; None: there are not, or it is not known.
    """

    wanted: int
    number: int
    note: str | None

    def document(self) -> dict[str, Any]:
        """They, as `deploymentStatus` of the API of 2019-09-30 tells those of a service on AKS."""
        told: dict[str, Any] = {"desiredReplicas": self.wanted, "availableReplicas": self.number}
        if self.note is not None:
            told["error"] = {"code": "ReplicasNotAvailable", "message": self.note}
        return {"deploymentStatus": told}


def parse(body: Mapping[str, Any]) -> Replicas | None:
    """Reads `numReplicas` and `autoScaler`; None: neither is there, and what is stays.

    A number alone is the number: what scaled by itself before does not any more.

    Raises:
        CloudError: 400 InvalidParameter, naming the property.
    """
    number = _count(body, _NUMBER)
    scaler = body.get(_SCALER)
    if scaler is None:
        return None if number is None else Replicas(number)
    if not isinstance(scaler, dict):
        raise invalid(_SCALER, "must be an object with autoscaleEnabled, minReplicas and maxReplicas")
    is_enabled = optional_flag(scaler, "autoscaleEnabled", _SCALER)
    least, most = _count(scaler, "minReplicas", _SCALER), _count(scaler, "maxReplicas", _SCALER)
    if is_enabled is None:
        raise invalid(f"{_SCALER}.autoscaleEnabled", "is required: true or false")
    if not is_enabled:
        if number is None:
            raise invalid(_NUMBER, f"is required where {_SCALER}.autoscaleEnabled is false")
        return Replicas(number)
    for name in _NOT_OFFERED:
        if scaler.get(name) is not None:
            raise invalid(f"{_SCALER}.{name}", "is not offered: replicas follow the calls under way")
    if most is None:
        raise invalid(f"{_SCALER}.maxReplicas", f"is required where {_SCALER}.autoscaleEnabled is true")
    least = 1 if least is None else least
    if most < least:
        raise invalid(
            f"{_SCALER}.maxReplicas", f"is {most}, and minReplicas is {least}: it is the larger one"
        )
    if number not in (None, least):
        raise invalid(
            _NUMBER,
            f"is {number}, and {_SCALER}.autoscaleEnabled is true: leave it out, or have it be minReplicas",
        )
    return Replicas(least, most)


def _count(body: Mapping[str, Any], field: str, of: str = "") -> int | None:
    """A number of replicas, or None where it is absent or null."""
    return optional_number(
        body, field, of, least=1, hint="a service without replicas is not offered, delete it instead"
    )
