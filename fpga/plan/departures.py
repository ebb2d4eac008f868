"""The departures of a plan from the one that was reviewed."""

from __future__ import annotations

from fpga.plan.model import Change, Difference, Plan


def departures(reviewed: Plan, now: Plan) -> list[str]:
    """The changes of `now` that nobody has reviewed: a sentence for each resource, in the plan's order.

    A change that was reviewed and is no longer among those of `now` is no departure: it is done already, by a
    run that ended halfway, for instance; and neither is the rest of one that such a run had begun. Words that
    explain, and days that pass, are no part of it.
    """
    plans = (("reviewed", reviewed), ("new", now))
    if (reviewed.project, reviewed.stack) != (now.project, now.stack):
        return [f"it is of {_of(now)}, the reviewed one of {_of(reviewed)}"]
    failed = [f"the {which} plan is of a preview that failed" for which, one in plans if not one.succeeded]
    if failed:
        return failed
    known = {change.urn: change for change in reviewed.changes}
    found = [_departure(known.get(change.urn), change) for change in now.changes]
    rules = {(one.pack, one.rule, one.urn) for one in reviewed.policy}
    found += [
        f"the policy {one.rule} has something to say that it did not say before: {one.message}"
        for one in now.policy
        if (one.pack, one.rule, one.urn) not in rules
    ]
    return [sentence for sentence in found if sentence]


def already_done(reviewed: Plan, now: Plan) -> int:
    """The number of reviewed changes that `now` no longer has."""
    left = {change.urn for change in now.changes}
    return sum(change.urn not in left for change in reviewed.changes)


def _departure(reviewed: Change | None, now: Change) -> str:
    if reviewed is None:
        return f"{now.name} ({now.kind}): {now.operation}, and it was to stay as it was"
    if _is_the_rest_of(reviewed, now):
        return ""
    if reviewed.operation != now.operation:
        return f"{now.name} ({now.kind}): {now.operation} instead of {reviewed.operation}"
    if reviewed.replaced_by != now.replaced_by:
        return f"{now.name} ({now.kind}): replaced because of {', '.join(now.replaced_by)}"
    before = {one.path: one for one in reviewed.differences}
    told = [_differently(before.get(one.path), one) for one in now.differences if before.get(one.path) != one]
    told += [f"{path} no longer changes" for path in before.keys() - {one.path for one in now.differences}]
    return f"{now.name} ({now.kind}): {'; '.join(sorted(told))}" if told else ""


def _is_the_rest_of(reviewed: Change, now: Change) -> bool:
    """Tells what was made, and is not known to be whole: the engine updates it, its inputs as they are."""
    return reviewed.operation in ("create", "replace") and now.operation == "update" and not now.differences


def _differently(reviewed: Difference | None, now: Difference) -> str:
    change = f"{now.path}: {_worded(now)}"
    return f"{change} instead of {_worded(reviewed)}" if reviewed else f"{change}, which was not to change"


def _worded(difference: Difference) -> str:
    before, after = (side.text if side else "nothing" for side in (difference.before, difference.after))
    return f"{before} -> {after}"


def _of(plan: Plan) -> str:
    return f"{plan.project}/{plan.stack}"
