"""What a Checkout Session may be asked for.

Every parameter Stripe has is here: those this sandbox does not do are refused by name, so that
nothing is accepted and then silently ignored.
"""

from collections.abc import Mapping
from typing import Final

from entrypoints.stripe_sandbox.resources.resource import Gone
from entrypoints.stripe_sandbox.wire.fields import (
    EXPAND,
    MOMENT,
    PAGING,
    Boolean,
    Email,
    Field,
    Integer,
    ListOf,
    Metadata,
    NotHere,
    Record,
    Text,
    Url,
)

LOCALES: Final = (
    *("auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr"),
    *("fr-CA", "hi-IN", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl"),
    *("pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
)
LONGEST_SUFFIX: Final = 22
LONGEST_REFERENCE: Final = 200
MOST_ITEMS: Final = 100
LARGEST_QUANTITY: Final = 999_999

PRODUCT_DATA: Final = Record(
    {
        "name": Text(),
        "description": Text(longest=40_000),
        "images": ListOf(Url(), most=8),
        "metadata": Metadata(),
        "tax_code": Text(),
        "tax_details": NotHere(),
        "unit_label": Text(longest=12),
    },
    required=("name",),
)
PRICE_DATA: Final = Record(
    {
        "currency": Text(),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "recurring": NotHere(),
        "tax_behavior": Text(choices=("exclusive", "inclusive", "unspecified")),
        "unit_amount": Integer(least=0),
        "unit_amount_decimal": Text(),
    },
    required=("currency",),
)
LINE_ITEM: Final = Record(
    {
        "adjustable_quantity": NotHere(),
        "metadata": Metadata(),
        "price": Text(),
        "price_data": PRICE_DATA,
        "quantity": Integer(least=1, most=LARGEST_QUANTITY),
        "tax_rates": NotHere(),
    }
)
SHIPPING: Final = Record(
    {
        "address": Record(
            {
                name: Text()
                for name in ("city", "country", "line1", "line2", "postal_code", "state")
            },
            required=("line1",),
        ),
        "carrier": Text(),
        "name": Text(),
        "phone": Text(),
        "tracking_number": Text(),
    },
    required=("address", "name"),
)
PAYMENT_INTENT_DATA: Final = Record(
    {
        "application_fee_amount": NotHere(),
        "capture_method": Text(choices=("automatic", "automatic_async")),
        "description": Text(longest=1000),
        "metadata": Metadata(),
        "on_behalf_of": NotHere(),
        "receipt_email": Email(),
        "setup_future_usage": NotHere(),
        "shipping": SHIPPING,
        "statement_descriptor": Text(longest=LONGEST_SUFFIX),
        "statement_descriptor_suffix": Text(longest=LONGEST_SUFFIX),
        "transfer_data": NotHere(),
        "transfer_group": NotHere(),
    }
)
DONE: Final[Mapping[str, Field]] = {
    **EXPAND,
    "adaptive_pricing": Record({"enabled": Boolean()}),
    "allowed_payment_method_types": ListOf(Text()),
    "billing_address_collection": Text(choices=("auto", "required")),
    "cancel_url": Url(),
    "client_reference_id": Text(longest=LONGEST_REFERENCE),
    "currency": Text(),
    "customer_creation": Text(choices=("always", "if_required")),
    "customer_email": Email(),
    "excluded_payment_method_types": ListOf(Text()),
    "expires_at": Integer(),
    "integration_identifier": Text(),
    "line_items": ListOf(LINE_ITEM, most=MOST_ITEMS),
    "locale": Text(choices=LOCALES),
    "metadata": Metadata(),
    "mode": Text(choices=("payment", "setup", "subscription")),
    "origin_context": Text(choices=("mobile_app", "web")),
    "payment_intent_data": PAYMENT_INTENT_DATA,
    # Refused by newer versions before it is read; see GONE.
    "payment_method_types": ListOf(Text()),
    "submit_type": Text(choices=("auto", "book", "donate", "pay", "subscribe")),
    "success_url": Url(),
    "ui_mode": Text(choices=("elements", "embedded_page", "form", "hosted_page")),
}
NOT_DONE: Final = (
    *("after_expiration", "allow_promotion_codes", "automatic_tax", "branding_settings"),
    *("consent_collection", "custom_fields", "custom_text", "customer", "customer_account"),
    *("customer_update", "discounts", "invoice_creation", "managed_payments", "name_collection"),
    *("optional_items", "payment_method_collection", "payment_method_configuration"),
    *("payment_method_data", "payment_method_options", "permissions", "phone_number_collection"),
    *("redirect_on_completion", "return_url", "saved_payment_method_options", "setup_intent_data"),
    *("shipping_address_collection", "shipping_options", "subscription_data"),
    *("tax_id_collection", "wallet_options"),
)
CREATE: Final = Record({**DONE, **dict.fromkeys(NOT_DONE, NotHere())})
UPDATE: Final = Record(
    {
        **EXPAND,
        "metadata": Metadata(),
        **dict.fromkeys(
            ("collected_information", "line_items", "payment_intent_data", "shipping_options"),
            NotHere(),
        ),
    }
)
LIST: Final = Record(
    {
        **PAGING,
        "created": MOMENT,
        "customer": Text(),
        "customer_account": Text(),
        "customer_details": Record({"email": Text()}, required=("email",)),
        "payment_intent": Text(),
        "payment_link": Text(),
        "status": Text(choices=("complete", "expired", "open")),
        "subscription": Text(),
    }
)
GONE: Final = {
    "payment_method_types": Gone(
        since="2026-09-30",
        code="payment_method_types_no_longer_supported",
        message="The payment_method_types parameter is no longer supported. Use dynamic payment "
        "methods, or allowed_payment_method_types to say which of them to show.",
    )
}
