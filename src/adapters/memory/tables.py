"""What is stored. Every value is frozen, so a copy of the tables is a copy of the mappings."""

from __future__ import annotations

import copy
from datetime import timedelta

import attrs

from domain.audit.model import Change, Note
from domain.idempotency.model import KeyRecord
from domain.installation.model import Installation
from domain.jobs.model import Job
from domain.ledger.model import Transfer, TransferKind
from domain.offers.model import Offer, OfferSlug
from domain.outbox.model import Effect
from domain.payments.model import Payment
from domain.provider_events.model import InboxEntry
from domain.refunds.model import Refund
from domain.shared.ids import EffectId, JobId, PaymentId, RefundId


@attrs.define(kw_only=True)
class Tables:
    """Mappings keep the order in which rows were first stored: "oldest first" is their order.

    *changes* is the audit, by (kind, id) of the entity, with *notes* beside it. *clock_offset* is
    how far the business clock is ahead of the lease clock.
    """

    jobs: dict[JobId, Job] = attrs.field(factory=dict)
    payments: dict[PaymentId, Payment] = attrs.field(factory=dict)
    refunds: dict[RefundId, Refund] = attrs.field(factory=dict)
    offers: dict[OfferSlug, Offer] = attrs.field(factory=dict)
    effects: dict[EffectId, Effect] = attrs.field(factory=dict)
    inbox: dict[str, InboxEntry] = attrs.field(factory=dict)
    transfers: dict[tuple[str, TransferKind], Transfer] = attrs.field(factory=dict)
    changes: dict[tuple[str, str], tuple[Change, ...]] = attrs.field(factory=dict)
    notes: tuple[Note, ...] = ()
    keys: dict[tuple[str, str], KeyRecord] = attrs.field(factory=dict)
    installation: Installation | None = None
    clock_offset: timedelta = timedelta(0)

    def copied(self) -> Tables:
        names = [field.name for field in attrs.fields(Tables)]
        return Tables(**{name: copy.copy(getattr(self, name)) for name in names})
