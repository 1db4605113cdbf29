"""Everything the sandbox knows, in memory, with what changed handed to the disk.

An object is replaced, never altered: a snapshot inside an event may share it, and undoing
a refused request is putting the old one back. Kinds that start with an underscore are the
sandbox's own; the others carry Stripe's object names.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from entrypoints.stripe_sandbox.disk import Disk

Json = dict[str, Any]
Watcher = Callable[[Json], None]
Key = tuple[str, str]

# Fields that are looked up by value, so that no request scans a whole kind.
INDEXES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "checkout.session": ("payment_intent",),
        "charge": ("payment_intent",),
        "refund": ("charge", "payment_intent"),
        "balance_transaction": ("source",),
        "_delivery": ("event",),
    }
)
# Losing the last of these in a crash loses nothing that was answered, so nobody waits for them.
UNHURRIED: Final = frozenset({"_journal", "_attempt"})


class Books:
    """All objects by kind and id, in order of creation."""

    def __init__(self, disk: Disk | None = None) -> None:
        self._disk = disk
        self._kinds: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        self._index: defaultdict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
        self._watchers: defaultdict[str, list[Watcher]] = defaultdict(list)
        self._before: dict[Key, Json | None] | None = None
        for kind, object_id, stored in disk.load() if disk else ():
            self._set(kind, object_id, stored)

    def get(self, kind: str, object_id: str) -> Json | None:
        return self._kinds[kind].get(object_id)

    def all(self, kind: str) -> dict[str, Json]:
        """Oldest first; not to be altered."""
        return self._kinds[kind]

    def where(self, kind: str, field: str, value: str) -> list[Json]:
        """Objects whose indexed *field* has *value*, oldest first."""
        found = self._index.get((kind, field, value), {})
        return [self._kinds[kind][object_id] for object_id in found]

    def put(self, kind: str, thing: Json) -> Json:
        self._change(kind, thing["id"], thing)
        return thing

    def delete(self, kind: str, object_id: str) -> None:
        self._change(kind, object_id, None)

    def watch(self, kind: str, watcher: Watcher) -> None:
        """Call *watcher* with each object of *kind*: those there are, and each once committed."""
        self._watchers[kind].append(watcher)
        for thing in list(self._kinds[kind].values()):
            watcher(thing)

    @contextmanager
    def unit(self) -> Iterator[None]:
        """What happens inside is kept whole or not at all. There is no await inside."""
        if self._before is not None:
            raise RuntimeError("a unit of the books inside another")
        self._before = {}
        try:
            yield
        except BaseException:
            self._undo(self._before)
            raise
        else:
            self._commit(self._before)
        finally:
            self._before = None

    async def durable(self) -> None:
        """Wait until all that was committed so far survives a power cut."""
        if self._disk is not None:
            await self._disk.durable()

    def trim(self, kind: str, keep: int) -> None:
        """Forget the oldest of *kind* beyond *keep*, inside a unit."""
        things = self._kinds[kind]
        for object_id in list(islice(things, max(0, len(things) - keep))):
            self.delete(kind, object_id)

    def clear(self) -> None:
        """Forget everything, inside a unit."""
        for kind, things in self._kinds.items():
            for object_id in list(things):
                self.delete(kind, object_id)

    def _change(self, kind: str, object_id: str, thing: Json | None) -> None:
        if self._before is None:
            raise RuntimeError("the books change inside a unit only")
        self._before.setdefault((kind, object_id), self.get(kind, object_id))
        self._set(kind, object_id, thing)

    def _set(self, kind: str, object_id: str, thing: Json | None) -> None:
        things = self._kinds[kind]
        for field in INDEXES.get(kind, ()):
            self._reindex(kind, field, things.get(object_id), thing)
        if thing is None:
            things.pop(object_id, None)
        else:
            things[object_id] = thing

    def _reindex(self, kind: str, field: str, old: Json | None, new: Json | None) -> None:
        was = old.get(field) if old else None
        becomes = new.get(field) if new else None
        if was == becomes:
            return
        if was is not None and old is not None:
            self._index[kind, field, was].pop(old["id"], None)
        if becomes is not None and new is not None:
            self._index[kind, field, becomes][new["id"]] = None

    def _undo(self, before: Mapping[Key, Json | None]) -> None:
        for (kind, object_id), thing in reversed(list(before.items())):
            self._set(kind, object_id, thing)

    def _commit(self, before: Mapping[Key, Json | None]) -> None:
        changed = [(kind, object_id, self.get(kind, object_id)) for kind, object_id in before]
        if self._disk is not None and changed:
            hurried = any(kind not in UNHURRIED for kind, _ in before)
            self._disk.stage(changed, hurried=hurried)
        for kind, _, thing in changed:
            for watcher in self._watchers.get(kind, ()):
                if thing is not None:
                    watcher(thing)
