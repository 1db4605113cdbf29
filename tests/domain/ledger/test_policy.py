"""Where every unit of money is: transfers that come to zero, whatever happens in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import policy
from domain.ledger.model import Account, Entry, Transfer, TransferKind
from domain.shared.ids import PaymentId, RefundId
from domain.shared.money import Money
from tests.builders import NOW, PRICE
from tests.domain.properties import tried

PAY, REF = PaymentId("pay_a"), RefundId("ref_a")

TRANSFERS = [
    # the money event and what it debits, and credits
    (policy.capture(PAY, PRICE, NOW), "provider_clearing", "customer_prepaid"),
    (policy.earning(PAY, PRICE, NOW), "customer_prepaid", "revenue"),
    (policy.refund_request(REF, PAY, PRICE, NOW, earned=False), "customer_prepaid", "refund_clearing"),
    (policy.refund_request(REF, PAY, PRICE, NOW, earned=True), "revenue", "refund_clearing"),
    (policy.refund_return(REF, PAY, PRICE, NOW), "refund_clearing", "provider_clearing"),
    (policy.refund_return_reversal(REF, PAY, PRICE, NOW), "provider_clearing", "refund_clearing"),
    (policy.refund_request_reversal(REF, PAY, PRICE, NOW, earned=False), "refund_clearing", "customer_prepaid"),
    (policy.refund_request_reversal(REF, PAY, PRICE, NOW, earned=True), "refund_clearing", "revenue"),
]  # fmt: skip


@pytest.mark.parametrize(("transfer", "debit", "credit"), TRANSFERS)
def test_money_moves_from_one_account_to_another(
    transfer: Transfer, debit: str, credit: str
) -> None:
    moved = {entry.account: entry.amount_minor for entry in transfer.entries}

    assert moved == {debit: 199, credit: -199}
    assert transfer.payment_id == PAY


def test_a_source_is_an_id_of_ours_so_that_nothing_is_posted_twice() -> None:
    sources = {transfer.kind: transfer.source_id for transfer, *_ in TRANSFERS}

    assert sources == {
        TransferKind.CAPTURE: "pay_a",
        TransferKind.EARNING: "pay_a",
        TransferKind.REFUND_REQUEST: "ref_a",
        TransferKind.REFUND_RETURN: "ref_a",
        TransferKind.REFUND_REQUEST_REVERSAL: "ref_a",
        TransferKind.REFUND_RETURN_REVERSAL: "ref_a",
    }


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [(1, "usd")],
        [(1, "usd"), (-2, "usd")],
        [(1, "usd"), (-1, "eur")],
        [(1, "usd"), (-1, "usd"), (5, "eur")],
    ],
    ids=str,
)
def test_a_transfer_that_does_not_come_to_zero_cannot_be_written(
    legs: list[tuple[int, str]],
) -> None:
    entries = tuple(
        Entry(account=Account.REVENUE, amount_minor=amount, currency=currency)
        for amount, currency in legs
    )

    with pytest.raises(ValueError, match="sums to zero"):
        Transfer(source_id="x", kind=TransferKind.CAPTURE, payment_id=PAY, at=NOW, entries=entries)


class Books:
    """A job's money told twice: as transfers, and as four plain numbers that must agree."""

    def __init__(self, captured: int) -> None:
        self.transfers = [policy.capture(PAY, Money(captured, "usd"), NOW)]
        self.earned = False
        self.left, self.asked, self.returned = captured, 0, 0
        self.refunds: list[tuple[RefundId, Money, str]] = []

    def earn(self) -> None:
        if not self.earned and self.left:
            self.transfers.append(policy.earning(PAY, Money(self.left, "usd"), NOW))
            self.earned = True

    def ask(self, amount: int) -> None:
        if 0 < amount <= self.left:
            refund = RefundId(f"ref_{len(self.refunds)}"), Money(amount, "usd")
            self.transfers.append(
                policy.refund_request(refund[0], PAY, refund[1], NOW, earned=self.earned)
            )
            self.refunds.append((*refund, "asked"))
            self.left, self.asked = self.left - amount, self.asked + amount

    def succeed(self, index: int) -> None:
        if (refund := self._take(index, "asked")) is not None:
            self.transfers.append(policy.refund_return(refund[0], PAY, refund[1], NOW))
            self.refunds.append((*refund, "returned"))
            self.asked -= refund[1].amount_minor
            self.returned += refund[1].amount_minor

    def fail(self, index: int) -> None:
        """Before, or after, it had succeeded."""
        if (refund := self._take(index, "returned")) is not None:
            self.transfers.append(policy.refund_return_reversal(refund[0], PAY, refund[1], NOW))
            self.returned -= refund[1].amount_minor
        elif (refund := self._take(index, "asked")) is not None:
            self.asked -= refund[1].amount_minor
        if refund is not None:
            self.transfers.append(
                policy.refund_request_reversal(refund[0], PAY, refund[1], NOW, earned=self.earned)
            )
            self.refunds.append((*refund, "nothing"))
            self.left += refund[1].amount_minor

    def _take(self, index: int, state: str) -> tuple[RefundId, Money] | None:
        there = [refund for refund in self.refunds if refund[2] == state]
        if not there:
            return None
        self.refunds.remove(taken := there[index % len(there)])
        return taken[:2]

    def balances(self) -> Counter[str]:
        balances: Counter[str] = Counter()
        for transfer in self.transfers:
            for entry in transfer.entries:
                balances[entry.account] += entry.amount_minor
        return balances


STEPS = st.lists(
    st.one_of(
        st.just(lambda books: books.earn()),
        st.integers(1, 300).map(lambda amount: lambda books: books.ask(amount)),
        st.integers(0, 9).map(lambda index: lambda books: books.succeed(index)),
        st.integers(0, 9).map(lambda index: lambda books: books.fail(index)),
    ),
    max_size=12,
)


@tried
@given(captured=st.integers(1, 1000), steps=STEPS)
def test_after_any_history_the_books_say_where_the_money_is(
    captured: int, steps: list[Callable[[Books], None]]
) -> None:
    books = Books(captured)

    for step in steps:
        step(books)

    balances = books.balances()
    assert sum(balances.values()) == 0
    assert balances["provider_clearing"] == captured - books.returned
    assert balances["refund_clearing"] == -books.asked
    assert -(balances["customer_prepaid"] + balances["revenue"]) == books.left
    assert len({(t.source_id, t.kind) for t in books.transfers}) == len(books.transfers)
