"""Stripe's own books, the oracle for ours; the journal of requests; and starting again."""

from collections import defaultdict
from typing import Final

import msgspec

from entrypoints.stripe_sandbox.banking.refunding import REFUND
from entrypoints.stripe_sandbox.books import Books, Json
from entrypoints.stripe_sandbox.control.plane import Ask, Lever
from entrypoints.stripe_sandbox.resources.balance_transactions import BALANCE_TRANSACTION
from entrypoints.stripe_sandbox.resources.charges import CHARGE
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.wire import journal


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    seed: int | None = None


def show_books(ask: Ask) -> Json:
    books = ask.sandbox.books
    intents = books.all(PAYMENT_INTENT).values()
    return {
        "account": ask.sandbox.settings.account_id,
        "payment_intents": [page_of(books, intent) for intent in intents],
        "balances": balances(books),
    }


def page_of(books: Books, intent: Json) -> Json:
    """What came of one payment. `fee` is null until the charge has settled."""
    session = next(iter(books.where(SESSION, "payment_intent", intent["id"])), None)
    paid = [each for each in books.where(CHARGE, "payment_intent", intent["id"]) if each["paid"]]
    refunds = books.where(REFUND, "payment_intent", intent["id"])
    movements = [
        movement
        for source in (*paid, *refunds)
        for movement in books.where(BALANCE_TRANSACTION, "source", source["id"])
    ]
    is_settled = all(charge["balance_transaction"] for charge in paid)
    return {
        "payment_intent": intent["id"],
        "session": session["id"] if session else None,
        "client_reference_id": session["client_reference_id"] if session else None,
        "charge": paid[-1]["id"] if paid else None,
        "status": intent["status"],
        "metadata": intent["metadata"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "captured": sum(charge["amount_captured"] for charge in paid),
        "refunds": by_status(refunds),
        "refunded": sum(charge["amount_refunded"] for charge in paid),
        "disputed": 0,
        "fee": sum(movement["fee"] for movement in movements) if is_settled else None,
        "net": sum(movement["net"] for movement in movements),
    }


def by_status(refunds: list[Json]) -> Json:
    statuses: defaultdict[str, Json] = defaultdict(lambda: {"count": 0, "amount": 0, "ids": []})
    for refund in refunds:
        entry = statuses[refund["status"]]
        entry["count"] += 1
        entry["amount"] += refund["amount"]
        entry["ids"].append(refund["id"])
    return dict(statuses)


def balances(books: Books) -> Json:
    """Per currency, what Stripe owes us."""
    sums: defaultdict[str, Json] = defaultdict(lambda: {"pending": 0, "available": 0})
    for movement in books.all(BALANCE_TRANSACTION).values():
        sums[movement["currency"]][movement["status"]] += movement["net"]
    return dict(sums)


def show_journal(ask: Ask) -> Json:
    """Oldest first; `?path=` narrows it to paths that start so."""
    start = ask.query.get("path", "")
    entries = ask.sandbox.books.all(journal.KIND).values()
    return {"requests": [entry for entry in entries if entry["path"].startswith(start)]}


def reset(ask: Ask) -> Json:
    """Empty, faults and dial and clock too; the endpoint of the settings is there again."""
    ask.sandbox.reset(ask.read(Reset).seed)
    return {"reset": True}


LEVERS: Final = (
    Lever("GET", "/books", show_books),
    Lever("GET", "/journal", show_journal),
    Lever("POST", "/reset", reset),
)
