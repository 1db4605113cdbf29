"""Finishing a delayed payment: the money came, or it did not."""

from typing import Final

import msgspec

from entrypoints.stripe_sandbox.banking import debiting
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever, found, unprocessable
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT


class Fail(msgspec.Struct, forbid_unknown_fields=True):
    failure_code: str = debiting.DEFAULT_FAILURE


def settle(ask: Ask) -> Json:
    check_processing(ask)
    with ask.sandbox.books.unit():
        debiting.settled(ask.sandbox, ask.id)
    return found(ask, PAYMENT_INTENT)


def fail(ask: Ask) -> Json:
    code = ask.read(Fail).failure_code
    if code not in debiting.FAILURES:
        raise unprocessable(f"failure_code must be one of {', '.join(debiting.FAILURES)}.")
    check_processing(ask)
    with ask.sandbox.books.unit():
        debiting.failed(ask.sandbox, ask.id, code)
    return found(ask, PAYMENT_INTENT)


def check_processing(ask: Ask) -> None:
    status = found(ask, PAYMENT_INTENT)["status"]
    if status != "processing":
        raise unprocessable(f"The payment is {status}: only one that is processing can be ended.")


LEVERS: Final = (
    Lever("POST", "/payment_intents/{id}/settle", settle),
    Lever("POST", "/payment_intents/{id}/fail", fail),
)
