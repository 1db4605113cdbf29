"""What Stripe takes in which currency, in minor units as Stripe counts them."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

SUPPORTED: Final = frozenset(
    (  # noqa: SIM905  a table is for reading: one code a line would be a page of them
        "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd "
        "bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp "
        "gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw "
        "kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad "
        "ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek "
        "sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst "
        "xaf xcd xof xpf yer zar zmw"
    ).split()
)
ZERO_DECIMAL: Final = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905  as above
)
THREE_DECIMAL: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# Without decimals in the world, yet sent to Stripe with two, both zero.
WHOLE_IN_HUNDREDTHS: Final = frozenset({"isk", "ugx"})

MINIMUM: Final[Mapping[str, int]] = MappingProxyType(
    {
        "aed": 200,
        "czk": 1500,
        "dkk": 250,
        "gbp": 30,
        "hkd": 400,
        "huf": 17500,
        "jpy": 50,
        "krw": 50,
        "mxn": 1000,
        "myr": 200,
        "nok": 300,
        "pln": 200,
        "ron": 200,
        "sek": 300,
        "thb": 1000,
    }
)
DEFAULT_MINIMUM: Final = 50
# The PaymentIntent reference says eight digits, and that is the narrowest of what is published.
MAXIMUM: Final = 99_999_999


def decimals(currency: str) -> int:
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def minimum(currency: str) -> int:
    return MINIMUM.get(currency, DEFAULT_MINIMUM)


def step(currency: str) -> int:
    """Amounts must be multiples of it."""
    if currency in WHOLE_IN_HUNDREDTHS:
        return 100
    return 10 if currency in THREE_DECIMAL else 1


def displayed(amount: int, currency: str) -> str:
    """As in Stripe's messages: "$40.00", "€3.50", "¥500"; others with their code behind."""
    value = Decimal(amount).scaleb(-decimals(currency))
    number = f"{value:,.{decimals(currency)}f}"
    symbol = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency)
    return f"{symbol}{number}" if symbol else f"{number} {currency.upper()}"
