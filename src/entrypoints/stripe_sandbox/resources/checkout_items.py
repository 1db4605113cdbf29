"""The lines of a Checkout Session: their prices, and what they come to."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final

from entrypoints.stripe_sandbox.banking.currencies import (
    MAXIMUM,
    SUPPORTED,
    displayed,
    minimum,
    step,
)
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.wire.errors import (
    ApiError,
    invalid,
    missing,
    missing_parameter,
    refused,
)

ITEM: Final = "item"


def items_of(lines: Iterable[Json], *, created: int) -> list[Json]:
    items = [
        line_item(line, f"line_items[{number}]", created=created)
        for number, line in enumerate(lines)
    ]
    if len({item["currency"] for item in items}) > 1:
        raise refused(
            "All prices on a Checkout Session must have the same currency.", param="line_items"
        )
    return items


def line_item(line: Json, path: str, *, created: int) -> Json:
    if "price" in line:
        raise missing("price", line["price"], param=f"{path}[price]", status=400)
    if "price_data" not in line:
        raise missing_parameter(f"{path}[price_data]")
    if "quantity" not in line:
        raise invalid("Quantity is required. Add `quantity` to each line item.", param=path)
    price = ad_hoc_price(line["price_data"], f"{path}[price_data]", created=created)
    total = price["unit_amount"] * line["quantity"]
    return {
        "id": new_id("li"),
        "object": ITEM,
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": line["price_data"]["product_data"]["name"],
        "metadata": line.get("metadata") or {},
        "price": price,
        "quantity": line["quantity"],
    }


def ad_hoc_price(data: Json, path: str, *, created: int) -> Json:
    """The one-off Price that `price_data` stands for."""
    if "product" in data:
        raise missing("product", data["product"], param=f"{path}[product]", status=400)
    if "product_data" not in data:
        raise missing_parameter(f"{path}[product_data]")
    unit_amount = unit_amount_of(data, path)
    return {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency_of(data["currency"], f"{path}[currency]"),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod"),
        "recurring": None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def unit_amount_of(data: Json, path: str) -> int:
    given = [name for name in ("unit_amount", "unit_amount_decimal") if name in data]
    if len(given) > 1:
        raise invalid(
            "You may only specify one of these parameters: unit_amount, unit_amount_decimal.",
            param=path,
            code="parameters_exclusive",
        )
    if not given:
        raise missing_parameter(f"{path}[unit_amount]")
    if given == ["unit_amount"]:
        return int(data["unit_amount"])
    return whole(data["unit_amount_decimal"], f"{path}[unit_amount_decimal]")


def whole(decimal: str, path: str) -> int:
    try:
        amount = Decimal(decimal)
    except InvalidOperation as error:
        raise invalid(f"Invalid decimal: {decimal}", param=path) from error
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise invalid(
            f"The Stripe sandbox takes whole minor units only, not {decimal}.", param=path
        )
    return int(amount)


def currency_of(code: str, path: str) -> str:
    currency = code.lower()
    if currency not in SUPPORTED:
        supported = ", ".join(sorted(SUPPORTED))
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {supported}",
            param=path,
        )
    return currency


def total_of(items: Iterable[Json]) -> int:
    return sum(item["amount_total"] for item in items)


def check_total(total: int, currency: str) -> None:
    """Stripe's limits on one payment."""
    least, unit = minimum(currency), step(currency)
    if total < least:
        raise amount_error(
            "amount_too_small", f"must add up to at least {displayed(least, currency)}", currency
        )
    if total > MAXIMUM:
        raise amount_error(
            "amount_too_large", f"must be no more than {displayed(MAXIMUM, currency)}", currency
        )
    if total % unit:
        raise refused(
            f"Invalid amount: {total}. Amounts in {currency} must be a multiple of {unit}.",
            param="line_items",
        )


def amount_error(code: str, bound: str, currency: str) -> ApiError:
    message = f"The Checkout Session's total amount due {bound} {currency}"
    return refused(message, code=code, param="line_items")
