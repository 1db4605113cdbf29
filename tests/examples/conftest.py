"""The examples are scripts: their modules find each other because they lie side by side."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_upscaler"
sys.path.insert(0, str(EXAMPLE))

from tests.examples.fake_service import Service, serve_service  # noqa: E402  after the path
from tests.examples.shop_browser import Browser, browsing  # noqa: E402  after the path
from tests.examples.stage import Sources, serve_sources  # noqa: E402  after the path


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve_service() as running:
        yield running


@pytest.fixture
async def sources() -> AsyncIterator[Sources]:
    async with serve_sources() as running:
        yield running


@pytest.fixture
async def browser(service: Service, tmp_path: Path) -> AsyncIterator[Browser]:
    async with browsing(service, tmp_path / "shop") as one:
        yield one
