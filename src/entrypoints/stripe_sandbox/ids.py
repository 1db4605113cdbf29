"""Identifiers in Stripe's shape.

What belongs to one PaymentIntent shares its stem: pi_3…, ch_3…, evt_3… differ in the tail
only, as they do in Stripe's logs.
"""

import secrets
import string
from typing import Final

ALPHABET: Final = string.ascii_letters + string.digits
STEM_LENGTH: Final = 16
TAIL_LENGTH: Final = 8
SESSION_LENGTH: Final = 56
SECRET_LENGTH: Final = 32
REQUEST_LENGTH: Final = 14


def token(length: int) -> str:
    # One draw for the whole token: three times cheaper than a draw per character.
    number = secrets.randbits(6 * length)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[digit])
    return "".join(characters)


def new_id(prefix: str) -> str:
    return f"{prefix}_1{token(STEM_LENGTH + TAIL_LENGTH - 1)}"


def new_intent_id() -> str:
    return f"pi_3{token(STEM_LENGTH + TAIL_LENGTH - 1)}"


def stem_of(related_id: str) -> str:
    return related_id.partition("_")[2][:STEM_LENGTH]


def related_id(prefix: str, relative: str) -> str:
    return f"{prefix}_{stem_of(relative)}{token(TAIL_LENGTH)}"


def new_session_id() -> str:
    return f"cs_test_a1{token(SESSION_LENGTH)}"


def new_request_id() -> str:
    return f"req_{token(REQUEST_LENGTH)}"


def client_secret(owner_id: str) -> str:
    return f"{owner_id}_secret_{token(SECRET_LENGTH)}"


def webhook_secret() -> str:
    return f"whsec_{token(SECRET_LENGTH)}"
