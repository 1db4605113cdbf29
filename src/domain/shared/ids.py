"""What things are called. Ids are opaque, prefixed and unguessable."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType, TypeAlias

JobId = NewType("JobId", str)
PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
EffectId = NewType("EffectId", str)

IdFactory: TypeAlias = Callable[[str], str]
"""Given a prefix ("job"), return a fresh id ("job_…") with at least 128 random bits."""
