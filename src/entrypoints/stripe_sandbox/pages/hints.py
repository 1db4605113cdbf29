"""What the pages say of test cards and accounts, and in which tone of states."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from entrypoints.stripe_sandbox.banking.cards import CARDS, TestCard
from entrypoints.stripe_sandbox.banking.debiting import FAILING_IBAN, PAYING_IBAN

TONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("complete", "succeeded"), "good"),
        **dict.fromkeys(("failed", "canceled", "dropped", "requires_payment_method"), "bad"),
        **dict.fromkeys(("open", "pending", "processing", "requires_action"), "waiting"),
    }
)
REFUNDS: Final = {
    "succeed": "pays",
    "pending": "pays; its refunds take a while",
    "fail": "pays; its refunds fail later",
}
# The few that show each way a payment can go; the front page has them all.
CHECKOUT_CARDS: Final = (
    "4242424242424242",
    "4000000000000002",
    "4000000000009995",
    "4000000000000069",
    "4000000000000127",
    "4000000000003220",
    "4000008400001629",
    "4000000000005126",
)
GROUPED_AS_AMEX: Final = ("34", "37")


@attrs.frozen
class Hint:
    """*shown* is how a number is printed on a card: in groups."""

    shown: str
    does: str


def does(card: TestCard) -> str:
    if card.decline is None:
        return "3-D Secure, then pays" if card.authenticates else REFUNDS[card.refunds]
    reason = card.decline.decline_code.replace("_", " ").replace("cvc", "CVC")
    said = "declined" if reason == "generic decline" else f"declined: {reason}"
    return f"3-D Secure, then {said}" if card.authenticates else said


def grouped(number: str) -> str:
    if number.startswith(GROUPED_AS_AMEX):
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def tone_of(state: str) -> str:
    return TONES.get(state, "neutral")


ALL_CARDS: Final = tuple(Hint(grouped(card.number), does(card)) for card in CARDS)
ON_CHECKOUT: Final = tuple(
    hint for hint in ALL_CARDS if hint.shown in {grouped(number) for number in CHECKOUT_CARDS}
)
ACCOUNTS: Final = (
    Hint(grouped(PAYING_IBAN), "pays after some days"),
    Hint(grouped(FAILING_IBAN), "fails after some days"),
)
