from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from domain.installation.model import Installation


class Installations(Protocol):
    async def find(self) -> Installation | None: ...

    async def stamp(self, installation: Installation) -> Installation:
        """Store it unless one is there; return the one that is there now."""
        ...

    async def advance_clock(self, by: timedelta) -> timedelta:
        """Move the business clock forward; return how far it is ahead now."""
        ...


class InstallationWork(Protocol):
    @property
    def installations(self) -> Installations: ...


class ProviderAccount(Protocol):
    async def account_id(self) -> str:
        """Ask the provider whose credentials these are.

        Raises ProviderUnavailable or ProviderMisconfigured.
        """
        ...
