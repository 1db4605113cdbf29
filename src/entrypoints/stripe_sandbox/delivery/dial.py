"""How deliveries misbehave, as set from outside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from entrypoints.stripe_sandbox.books import Books, Json

KIND: Final = "_dial"
ID: Final = "webhooks"


@attrs.frozen(kw_only=True)
class DialSetting:
    """*drop* is a probability, *duplicate* the deliveries per event, delays on the clock.

    *reorder* delays each delivery by a random part of *reorder_window_s*.
    """

    drop: float = 0.0
    duplicate: int = 1
    reorder: bool = False
    reorder_window_s: float = 1.0
    before_response: bool = False
    delay_s: float = 0.0
    bad_signature: bool = False
    pause: bool = False


DEFAULT: Final = DialSetting()
FIELDS: Final[Mapping[str, Any]] = MappingProxyType(attrs.asdict(DEFAULT))


class Dial:
    def __init__(self, books: Books) -> None:
        self._books = books

    @property
    def setting(self) -> DialSetting:
        kept = self._books.get(KIND, ID)
        return DialSetting(**kept["setting"]) if kept else DEFAULT

    def merge(self, change: Json) -> DialSetting:
        """Inside a unit. *change* was checked by whoever asks."""
        merged = attrs.asdict(self.setting) | change
        self._books.put(KIND, {"id": ID, "setting": merged})
        return self.setting
