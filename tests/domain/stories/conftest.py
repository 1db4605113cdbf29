from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.builders import an_offer, an_open_offer, an_upscale
from tests.domain.stories.invariants import violations
from tests.domain.stories.world import World, a_world


async def a_shop(*, runs_steps_twice: bool = False) -> World:
    world = a_world(runs_steps_twice=runs_steps_twice)
    await world.load_offers([an_offer(), an_upscale(), an_open_offer()])
    return world


@pytest.fixture(params=["once", "every step twice"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A shop with three offers. Each story is also told with every step rolled back and repeated,

    as a database does that cannot bring two units of work in line.
    """
    world = await a_shop(runs_steps_twice=request.param == "every step twice")
    yield world
    assert violations(world) == []
