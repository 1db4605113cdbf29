from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.builders import an_offer, an_open_offer, an_upscale
from tests.domain.stories.invariants import violations
from tests.domain.stories.world import World, a_world


async def a_shop() -> World:
    world = a_world()
    await world.load_offers([an_offer(), an_upscale(), an_open_offer()])
    return world


@pytest_asyncio.fixture(loop_scope="package")
async def world() -> AsyncIterator[World]:
    """A shop with three offers.

    Every step of every story is run, rolled back and run again, as a database does that cannot
    bring two units of work in line: whoever counts on running once fails here.
    """
    world = await a_shop()
    yield world
    assert violations(world) == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell all stories in one event loop: making two hundred takes half a second."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)
