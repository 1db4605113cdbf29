"""Who did what to what, and why: every change of state leaves one entry, in the same commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NewType

import attrs

Actor = NewType("Actor", str)
"""Who acted: "customer", "worker:<sub>", "admin:<sub>", "provider" or "system"."""

CUSTOMER: Final = Actor("customer")
PROVIDER: Final = Actor("provider")
SYSTEM: Final = Actor("system")


@attrs.frozen(kw_only=True)
class Happening:
    """Something that happened to an aggregate: what every event of every lifecycle begins with."""

    at: datetime
    by: Actor

    @property
    def name(self) -> str:
        return type(self).__name__

    def facts(self) -> dict[str, object]:
        """What the event says beyond when and by whom, as the audit keeps it."""
        kept = attrs.asdict(self)
        return {key: value for key, value in kept.items() if key not in {"at", "by"}}


@attrs.frozen(kw_only=True)
class Change:
    """One step of one aggregate. *before* is None for its creation.

    Folding an aggregate's changes in order of *version* gives its present state.
    """

    version: int
    at: datetime
    by: Actor
    event: str
    before: str | None
    after: str
    facts: Mapping[str, object] = attrs.field(factory=dict)


def change(event: Happening, *, version: int, before: str | None, after: str) -> Change:
    return Change(
        version=version,
        at=event.at,
        by=event.by,
        event=event.name,
        before=before,
        after=after,
        facts=event.facts(),
    )


@attrs.frozen(kw_only=True)
class Note:
    """Something worth keeping that changed nothing: a result that came too late, say."""

    entity_kind: str
    entity_id: str
    at: datetime
    by: Actor
    event: str
    facts: Mapping[str, object] = attrs.field(factory=dict)
