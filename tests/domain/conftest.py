"""The domain's tests speak to nobody."""

from __future__ import annotations

import socket

import pytest


class SpokeToTheNetwork(RuntimeError):
    """A test of the domain tried to reach something outside this process."""


def _refuse(*_: object) -> None:
    raise SpokeToTheNetwork


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not the constructor: the event loop wakes itself through a pair of sockets.
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)
