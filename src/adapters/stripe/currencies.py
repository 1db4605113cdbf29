"""Which amounts Stripe takes: its own exponents, minimums and rounding rules.

From docs.stripe.com/currencies, read in July 2026. ISO 4217 and Stripe differ for ISK, MGA and UGX.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso4217 import Currency

from domain.shared.money import AMOUNT_MINOR_MAX, Money

LISTED: Final = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq
    gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd
    lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk
    php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top
    try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
PRESENTMENT: Final = frozenset(LISTED.split())
"""What customers can be charged in."""

OTHERWISE_THAN_ISO: Final[Mapping[str, int]] = MappingProxyType({"isk": 2, "mga": 0, "ugx": 2})
WITHDRAWN_FROM_ISO: Final[Mapping[str, int]] = MappingProxyType({"ang": 2, "bgn": 2, "std": 2})
"""Still on Stripe's list, no longer on ISO's."""

WHOLE_UNITS_ONLY: Final = frozenset({"isk", "ugx"})
"""Sent with two decimals for old times' sake, which must be 00."""

MINIMUMS_MINOR: Final = (
    (30, ("gbp",)),
    (50, ("ars", "aud", "brl", "cad", "chf", "cop", "eur", "idr", "ils", "inr", "jpy", "krw")),
    (50, ("nzd", "php", "rub", "sgd", "usd", "zar")),
    (200, ("aed", "myr", "pln", "ron")),
    (250, ("dkk",)),
    (300, ("nok", "sek")),
    (400, ("hkd",)),
    (1_000, ("mxn", "thb")),
    (1_500, ("czk",)),
    (17_500, ("huf",)),
)
MINIMUM_MINOR: Final[Mapping[str, int]] = MappingProxyType(
    {currency: least for least, currencies in MINIMUMS_MINOR for currency in currencies}
)
"""Where none is published, the minimum depends on what it is converted to: Stripe has to say."""


def exponent(currency: str) -> int:
    """How many decimals of *currency* are inside the whole number sent to Stripe."""
    if currency in OTHERWISE_THAN_ISO:
        return OTHERWISE_THAN_ISO[currency]
    if currency in WITHDRAWN_FROM_ISO:
        return WITHDRAWN_FROM_ISO[currency]
    return Currency(currency.upper()).exponent or 0


def objection(amount: Money) -> str | None:
    """Say why *amount* cannot be charged, to whoever named it; None when it can."""
    currency, minor = amount.currency, amount.amount_minor
    if currency not in PRESENTMENT:
        return f"{currency} is not a currency that can be charged"
    minimum = max(MINIMUM_MINOR.get(currency, 1), granularity(currency))
    if minor < minimum:
        return f"{currency} needs at least {minimum}, in its minor unit"
    if minor > AMOUNT_MINOR_MAX:
        return f"{currency} takes at most {AMOUNT_MINOR_MAX}, in its minor unit"
    if minor % granularity(currency):
        return f"{currency} takes multiples of {granularity(currency)} only"
    return None


def granularity(currency: str) -> int:
    """What every amount must be a multiple of: the last digit of three decimals must be 0."""
    if currency in WHOLE_UNITS_ONLY:
        return 100
    return 10 if exponent(currency) == 3 else 1  # noqa: PLR2004  three decimals
