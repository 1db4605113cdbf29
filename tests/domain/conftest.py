"""The domain's tests speak to nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest


class SpokeToTheNetwork(RuntimeError):
    """A test of the domain tried to reach something outside this process."""


def _refuse(*_: object) -> None:
    raise SpokeToTheNetwork


@pytest.fixture(autouse=True, scope="package")
def _no_sockets() -> Iterator[None]:
    # Not the constructor: the event loop wakes itself through a pair of sockets.
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind", "sendto"):
            patch.setattr(socket.socket, name, _refuse)
        patch.setattr(socket, "getaddrinfo", _refuse)
        yield
