"""Sends events: concurrently, signed afresh at each attempt, again and again until taken."""

import asyncio
import heapq
import time
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from random import Random
from typing import Final

import aiohttp
import attrs
import msgspec
import structlog

from entrypoints.stripe_sandbox.books import Books, Json
from entrypoints.stripe_sandbox.clock import Clock, iso
from entrypoints.stripe_sandbox.delivery.announcing import DELIVERY, EVENT
from entrypoints.stripe_sandbox.delivery.dial import Dial
from entrypoints.stripe_sandbox.delivery.endpoints import ENDPOINT, secrets_of, wants
from entrypoints.stripe_sandbox.delivery.signing import signature_header
from entrypoints.stripe_sandbox.ids import new_id
from entrypoints.stripe_sandbox.settings import SandboxSettings

ATTEMPT: Final = "_attempt"
ATTEMPTS_KEPT: Final = 20_000
AT_ONCE: Final = 64
LONGEST_SLEEP_S: Final = 3600.0
FIRST_ATTEMPT_WAIT_S: Final = 5.0
PAUSE_AFTER_FAILURE_S: Final = 1.0
WRONG_SECRET: Final = "whsec_not_the_secret_of_this_endpoint"  # noqa: S105  wrong on purpose
HEADERS: Final = {
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "*/*; q=0.5, application/xml",
    "Cache-Control": "no-cache",
}

log = structlog.get_logger(__name__)


@attrs.frozen
class Attempt:
    """What came of one POST; *error* when there was no answer."""

    status: int | None
    error: str | None
    duration_ms: float

    @property
    def taken(self) -> bool:
        """A redirect is not followed and is a failure."""
        return (
            self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        )


class Deliverer:
    def __init__(
        self, settings: SandboxSettings, books: Books, clock: Clock, dial: Dial, random: Random
    ) -> None:
        self._settings = settings
        self._books = books
        self._clock = clock
        self._dial = dial
        self._random = random
        self._due: list[tuple[float, str]] = []
        self._changed = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._attempted = asyncio.Condition()
        books.watch(DELIVERY, self._note)

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. What was being sent then is sent again after a restart."""
        timeout = aiohttp.ClientTimeout(total=self._settings.delivery_timeout_s)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            timeout=timeout, connector=connector, cookie_jar=jar
        ) as session:
            try:
                while True:
                    self._start_due(session)
                    self._changed.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), self._until_next())
            finally:
                await self._stop_sending()

    async def first_attempts(self, deliveries: Iterable[str]) -> None:
        """Wait until each was tried once, at most five seconds and not while paused."""
        waiting = set(deliveries)
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_ATTEMPT_WAIT_S), self._attempted:
                await self._attempted.wait_for(lambda: self._all_tried(waiting))

    def _all_tried(self, deliveries: set[str]) -> bool:
        found = (self._books.get(DELIVERY, delivery) for delivery in deliveries)
        return self._dial.setting.pause or all(each is None or each["attempts"] for each in found)

    def _note(self, delivery: Json) -> None:
        if delivery["state"] == "pending":
            heapq.heappush(self._due, (delivery["due"], delivery["id"]))
            self._changed.set()

    def _until_next(self) -> float:
        if not self._due or self._dial.setting.pause:
            return LONGEST_SLEEP_S
        return min(LONGEST_SLEEP_S, max(0.0, self._due[0][0] - self._clock.now()))

    def _start_due(self, session: aiohttp.ClientSession) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now and not self._dial.setting.pause:
            due, delivery_id = heapq.heappop(self._due)
            delivery = self._books.get(DELIVERY, delivery_id)
            current = delivery and delivery["state"] == "pending" and delivery["due"] == due
            if delivery and current and delivery_id not in self._sending:
                task = asyncio.create_task(self._deliver(session, delivery))
                self._sending[delivery_id] = task

    async def _stop_sending(self) -> None:
        sending = list(self._sending.values())
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Json) -> None:
        try:
            async with self._slots:
                # What was sent must not be forgotten by a crash.
                await self._books.durable()
                await self._try(session, delivery)
        except Exception:
            log.exception("delivery.failed", delivery=delivery["id"], event_id=delivery["event"])
            await asyncio.sleep(PAUSE_AFTER_FAILURE_S)
        finally:
            self._sending.pop(delivery["id"], None)
            self._note(self._books.get(DELIVERY, delivery["id"]) or {"state": "gone"})
            async with self._attempted:
                self._attempted.notify_all()

    async def _try(self, session: aiohttp.ClientSession, delivery: Json) -> None:
        event = self._books.get(EVENT, delivery["event"])
        endpoint = self._books.get(ENDPOINT, delivery["endpoint"])
        setting = self._dial.setting
        if event is None or endpoint is None or not wants(endpoint, event["type"]):
            self._record(delivery, endpoint, [Attempt(None, "endpoint gone", 0.0)], "failed")
        elif setting.drop and not delivery["by_hand"] and self._random.random() < setting.drop:
            self._record(delivery, endpoint, [Attempt(None, "dropped", 0.0)], "dropped")
        else:
            posts = [self._post(session, delivery, endpoint) for _ in range(setting.duplicate)]
            self._record(delivery, endpoint, await asyncio.gather(*posts))

    async def _post(
        self, session: aiohttp.ClientSession, delivery: Json, endpoint: Json
    ) -> Attempt:
        payload = self._payload(delivery, endpoint)
        headers = HEADERS | {"Stripe-Signature": self._signature(payload, endpoint)}
        started = time.monotonic()
        status, error = None, None
        try:
            async with session.post(
                endpoint["url"], data=payload, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}".removesuffix(": ")
        return Attempt(status, error, round((time.monotonic() - started) * 1000, 2))

    def _payload(self, delivery: Json, endpoint: Json) -> bytes:
        """The event as it is at this moment, in the endpoint's version, indented as Stripe's."""
        event = self._books.all(EVENT)[delivery["event"]]
        version = delivery["api_version"] or endpoint["api_version"] or event["api_version"]
        rendered = event | {
            "api_version": version,
            "pending_webhooks": pending_webhooks(self._books, event["id"]),
        }
        return msgspec.json.format(msgspec.json.encode(rendered), indent=2)

    def _signature(self, payload: bytes, endpoint: Json) -> str:
        secrets = secrets_of(self._books, self._settings, endpoint["id"])
        if self._dial.setting.bad_signature:
            secrets = (WRONG_SECRET,)
        # Receivers compare with their own clock, so this is the wall's time and never ours.
        return signature_header(payload, secrets, at=int(time.time()))

    def _record(
        self,
        delivery: Json,
        endpoint: Json | None,
        attempts: list[Attempt],
        state: str | None = None,
    ) -> None:
        if self._books.get(DELIVERY, delivery["id"]) is None:
            return  # the sandbox was emptied meanwhile
        after = self._outcome(delivery, attempts, state)
        with self._books.unit():
            self._books.put(DELIVERY, after)
            for attempt in attempts:
                self._books.put(ATTEMPT, self._line(after, endpoint, attempt))
            self._books.trim(ATTEMPT, ATTEMPTS_KEPT)
        for attempt in attempts:
            log.info(
                "delivery.attempted",
                event_id=delivery["event"],
                event_type=delivery["type"],
                attempt=after["attempts"],
                status=attempt.status,
                error=attempt.error,
            )

    def _outcome(self, delivery: Json, attempts: list[Attempt], state: str | None) -> Json:
        tried = delivery | {"attempts": delivery["attempts"] + 1}
        if state is not None:
            return tried | {"state": state}
        if any(attempt.taken for attempt in attempts):
            return tried | {"state": "succeeded"}
        schedule = self._settings.retry_schedule_s
        if delivery["by_hand"] or delivery["attempts"] >= len(schedule):
            return tried | {"state": "failed"}
        return tried | {"due": self._clock.now() + schedule[delivery["attempts"]]}

    def _line(self, delivery: Json, endpoint: Json | None, attempt: Attempt) -> Json:
        waits = delivery["state"] == "pending"
        return {
            "id": new_id("att"),
            "delivery": delivery["id"],
            "event": delivery["event"],
            "type": delivery["type"],
            "endpoint": delivery["endpoint"],
            "url": endpoint["url"] if endpoint else None,
            "attempt": delivery["attempts"],
            "at": iso(time.time()),
            "sandbox_at": iso(self._clock.now()),
            "status": attempt.status,
            "error": attempt.error,
            "duration_ms": attempt.duration_ms,
            "state": delivery["state"],
            "next_attempt_at": iso(delivery["due"]) if waits else None,
        }


def pending_webhooks(books: Books, event_id: str) -> int:
    """How many endpoints have not taken the event yet."""
    deliveries = books.where(DELIVERY, "event", event_id)
    return sum(delivery["state"] == "pending" for delivery in deliveries)
