"""Letting time pass for what a stack's state says."""

from __future__ import annotations

import copy
import datetime as dt

from tests.support.stacks.program_stack import ProgramStack

_DATES = ("not_before", "not_after", "renew_at")


def age_certificate(stack: ProgramStack, age: dt.timedelta) -> None:
    """For the state, the certificate was issued so long ago."""
    state = copy.deepcopy(stack.export())
    for resource in state["deployment"]["resources"]:
        if resource["type"].endswith((":Certificate", ":AcmeCertificate")):
            outputs = resource["outputs"]
            for name in (name for name in _DATES if outputs.get(name)):
                outputs[name] = (dt.datetime.fromisoformat(outputs[name]) - age).isoformat()
    stack.load(state)
