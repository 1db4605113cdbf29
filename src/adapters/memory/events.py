"""Signed events, in a form that a test can write: the event itself, as JSON."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import attrs

from domain.provider_events.errors import BadSignature, UnreadableEvent
from domain.provider_events.model import ProviderEvent, Subject


def written(event: ProviderEvent) -> bytes:
    """The payload that MemoryEventReader reads *event* from."""
    return json.dumps(attrs.asdict(event), default=str).encode()


@attrs.frozen
class MemoryEventVerifier:
    secret: str = "whsec_memory"  # noqa: S105  of a provider that exists in this process only

    def sign(self, payload: bytes) -> str:
        return hashlib.sha256(self.secret.encode() + payload).hexdigest()

    def verify(self, payload: bytes, signature: str | None) -> None:
        if signature is None:
            raise BadSignature("there is none")
        if signature != self.sign(payload):
            raise BadSignature("it is of something else")


@attrs.frozen
class MemoryEventReader:
    def read(self, payload: str) -> ProviderEvent:
        try:
            facts: dict[str, Any] = json.loads(payload)
            return ProviderEvent(
                **{
                    **facts,
                    "subject": Subject(facts["subject"]),
                    "created_at": datetime.fromisoformat(facts["created_at"]),
                }
            )
        except (ValueError, TypeError, KeyError) as error:
            raise UnreadableEvent(str(error)) from error
