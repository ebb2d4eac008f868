"""The rules: plain functions over plain data. `docs/policy.md` describes each."""

from __future__ import annotations

from typing import Final

from policy.rules.account import EASTUS2_ONLY, NO_DEVTEST
from policy.rules.certificate import (
    MINIMUM_DAYS_TO_EXPIRY,
    NO_SELF_SIGNED_IN_PRODUCTION,
    SSL_ENABLED_IN_PRODUCTION,
)
from policy.rules.records import RECORD_POINTS_AT_SERVICE, RECORD_TTL_BOUNDS
from policy.rules.rule import ResourceRule, StackRule
from policy.rules.safekeeping import PRODUCTION_PROTECTED, SECRETS_ENCRYPTED, STORAGE_CLOSED

RESOURCE_RULES: Final[tuple[ResourceRule, ...]] = (
    EASTUS2_ONLY,
    NO_DEVTEST,
    SSL_ENABLED_IN_PRODUCTION,
    NO_SELF_SIGNED_IN_PRODUCTION,
    MINIMUM_DAYS_TO_EXPIRY,
    RECORD_TTL_BOUNDS,
    PRODUCTION_PROTECTED,
    SECRETS_ENCRYPTED,
    STORAGE_CLOSED,
)
STACK_RULES: Final[tuple[StackRule, ...]] = (RECORD_POINTS_AT_SERVICE,)
