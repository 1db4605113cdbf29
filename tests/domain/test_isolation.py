from __future__ import annotations

import asyncio
import socket

import pytest

from tests.domain.conftest import SpokeToTheNetwork


def test_a_socket_cannot_be_connected() -> None:
    with socket.socket() as plug, pytest.raises(SpokeToTheNetwork):
        plug.connect(("127.0.0.1", 9))


async def test_nor_through_the_event_loop() -> None:
    with pytest.raises(SpokeToTheNetwork):
        await asyncio.open_connection("127.0.0.1", 9)
