"""What is shown where there is nothing to pay any more."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import attrs
from aiohttp import web

from entrypoints.stripe_sandbox.banking.currencies import displayed
from entrypoints.stripe_sandbox.banking.model import success_url
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.pages.rendering import rendered
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import Sandbox


@attrs.frozen
class Notice:
    """`{amount}` in *text* is the session's."""

    title: str
    text: str
    tone: str
    sign: str


NOTICES: Final[Mapping[str, Notice]] = MappingProxyType(
    {
        "paid": Notice("Payment complete", "{amount} was paid. Thank you.", "good", "✓"),
        "processing": Notice(
            "Payment on its way",
            "{amount} will be debited. The bank takes a few days to confirm it.",
            "waiting",
            "…",
        ),
        "failed": Notice(
            "The bank debit failed", "{amount} could not be debited: nothing was paid.", "bad", "!"
        ),
        "expired": Notice(
            "This checkout session has expired",
            "Nothing was charged. Go back to the shop to start again.",
            "neutral",
            "×",
        ),
        "missing": Notice(
            "There is no such checkout session",
            "It may have been opened in another sandbox, or before this one was emptied.",
            "neutral",
            "?",
        ),
    }
)


def closed_page(sandbox: Sandbox, session: Json) -> web.Response:
    state = state_of(sandbox, session)
    onward = session["cancel_url"] if state == "expired" else success_url(session)
    amount = displayed(session["amount_total"], session["currency"])
    return notice(state, sandbox.settings.merchant_name, onward=onward, amount=amount)


def state_of(sandbox: Sandbox, session: Json) -> str:
    if session["status"] == "expired":
        return "expired"
    if session["payment_status"] == "paid":
        return "paid"
    intent = sandbox.books.all(PAYMENT_INTENT)[session["payment_intent"]]
    return "processing" if intent["status"] == "processing" else "failed"


def notice(state: str, merchant: str, *, onward: str | None, amount: str = "") -> web.Response:
    told = NOTICES[state]
    return rendered(
        "closed.html",
        status=HTTPStatus.NOT_FOUND if state == "missing" else HTTPStatus.OK,
        title=told.title,
        text=told.text.format(amount=amount),
        tone=told.tone,
        sign=told.sign,
        merchant=merchant,
        onward=onward,
    )
