"""Finishing a refund, or breaking it, also after it had succeeded."""

from typing import Final

import msgspec

from entrypoints.stripe_sandbox.banking import refunding
from entrypoints.stripe_sandbox.banking.refunding import REFUND
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, found, unprocessable


class Fail(msgspec.Struct, forbid_unknown_fields=True):
    failure_reason: str = refunding.DEFAULT_FAILURE


class Balance(msgspec.Struct, forbid_unknown_fields=True):
    short: bool


def succeed(ask: Ask) -> Json:
    status = found(ask, REFUND)["status"]
    if status != "pending":
        raise unprocessable(f"The refund is {status}: only a pending one can succeed.")
    with ask.sandbox.books.unit():
        refunding.succeed(ask.sandbox, ask.id)
    return found(ask, REFUND)


def fail(ask: Ask) -> Json:
    status, reason = found(ask, REFUND)["status"], ask.read(Fail).failure_reason
    if status not in refunding.HOLDING_STATUSES:
        raise unprocessable(f"The refund is {status} already.")
    if reason not in refunding.FAILURE_REASONS:
        raise unprocessable(
            f"failure_reason must be one of {', '.join(refunding.FAILURE_REASONS)}."
        )
    with ask.sandbox.books.unit():
        refunding.fail(ask.sandbox, ask.id, reason)
    return found(ask, REFUND)


def set_balance(ask: Ask) -> Json:
    """While the balance is short new refunds wait for it; then they all go through."""
    short = ask.read(Balance).short
    with ask.sandbox.books.unit():
        refunding.set_balance_short(ask.sandbox, short)
    return {"short": short}


LEVERS: Final = (
    Lever("POST", "/refunds/{id}/succeed", succeed),
    Lever("POST", "/refunds/{id}/fail", fail),
    Lever("POST", "/balance", set_balance),
)
