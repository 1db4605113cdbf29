from __future__ import annotations

from datetime import timedelta

import attrs

from domain.installation.errors import ClockIsReal, WrongDatabase
from domain.installation.model import Installation
from domain.installation.ports import InstallationWork
from domain.shared.errors import Flaw, Invalid
from domain.shared.ids import IdFactory
from domain.shared.work import Atomically


@attrs.frozen(kw_only=True)
class FindInstallation:
    """What the database is stamped with; None before the first boot. Raises WrongDatabase."""

    atomically: Atomically[InstallationWork]

    async def __call__(self, *, mode: str) -> Installation | None:
        async def step(work: InstallationWork) -> Installation | None:
            return await work.installations.find()

        found = await self.atomically(step)
        if found is not None and found.mode != mode:
            raise WrongDatabase(f"mode {found.mode}", f"mode {mode}")
        return found


@attrs.frozen(kw_only=True)
class StampInstallation:
    """Bind the database to a provider account at first boot; raise WrongDatabase for another."""

    atomically: Atomically[InstallationWork]
    new_id: IdFactory

    async def __call__(self, *, mode: str, account_id: str) -> Installation:
        wanted = Installation(mode=mode, account_id=account_id, instance=self.new_id("inst"))

        async def step(work: InstallationWork) -> Installation:
            return await work.installations.stamp(wanted)

        found = await self.atomically(step)
        if (found.mode, found.account_id) != (mode, account_id):
            raise WrongDatabase(
                f"account {found.account_id} in mode {found.mode}",
                f"account {account_id} in mode {mode}",
            )
        return found


@attrs.frozen(kw_only=True)
class AdvanceClock:
    """Move the business clock forward, in sandbox mode; raise ClockIsReal in any other."""

    atomically: Atomically[InstallationWork]

    async def __call__(self, by: timedelta) -> timedelta:
        if by < timedelta(0):
            raise Invalid([Flaw("", "the clock moves forward only: what has happened stays so")])

        async def step(work: InstallationWork) -> timedelta | None:
            found = await work.installations.find()
            if found is None or found.mode != "sandbox":
                return None
            return await work.installations.advance_clock(by)

        ahead = await self.atomically(step)
        if ahead is None:
            raise ClockIsReal
        return ahead
