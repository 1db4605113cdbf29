from __future__ import annotations


class CannotStart(Exception):
    """What keeps a command from doing its work, and what to do about it."""
