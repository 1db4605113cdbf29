from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.end_to_end.books import assert_books_agree
from tests.end_to_end.house import House, open_house


@pytest.fixture
async def house(database_dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    """A running house; whatever the test did, the books must agree at its end."""
    async with open_house(database_dsn, tmp_path) as house:
        yield house
        await assert_books_agree(house)
