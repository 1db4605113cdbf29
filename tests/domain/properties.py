"""How many examples a property of the domain is tried on: all of its tests run in three seconds."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

tried: Final = settings(max_examples=25, deadline=None)
