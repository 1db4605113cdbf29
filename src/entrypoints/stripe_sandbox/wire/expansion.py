"""`expand[]`: ids become the objects they name, four levels deep at most.

Paths are checked against what each object declares before anything is executed, so that a
misspelled path creates nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.resources.resource import Endpoint, Expandable
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.errors import invalid

DEEPEST: Final = 4
Tree = dict[str, Any]
Known = Mapping[str, Mapping[str, Expandable]]


class Expander:
    def __init__(self, known: Known) -> None:
        self._known = known

    def check(self, paths: Iterable[str], endpoint: Endpoint) -> None:
        for path in paths:
            parts = path.split(".")
            if len(parts) > DEEPEST:
                raise invalid(
                    f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}",
                    param="expand",
                )
            if not self._reaches(parts, (endpoint.returns,), listed=endpoint.listed):
                hint = f" You may want to try expanding 'data.{path}' instead."
                instead = hint if endpoint.listed and parts[0] != "data" else ""
                raise invalid(
                    f"This property cannot be expanded ({path}).{instead}", param="expand"
                )

    def expanded(self, sandbox: Sandbox, thing: Json, paths: Iterable[str]) -> Json:
        tree = tree_of(paths)
        return self._grown(sandbox, thing, tree) if tree else thing

    def _reaches(self, parts: list[str], kinds: tuple[str, ...], *, listed: bool) -> bool:
        if not parts:
            return True
        if listed:
            inside = parts[0] == "data" and len(parts) > 1
            return inside and self._reaches(parts[1:], kinds, listed=False)
        fields = (self._known.get(kind, {}).get(parts[0]) for kind in kinds)
        return any(
            self._reaches(parts[1:], field.kinds, listed=field.make is not None)
            for field in fields
            if field is not None
        )

    def _grown(self, sandbox: Sandbox, thing: Json, tree: Tree) -> Json:
        if thing["object"] == "list":
            inner = tree.get("data", {})
            return thing | {"data": [self._grown(sandbox, each, inner) for each in thing["data"]]}
        fields = self._known.get(thing["object"], {})
        grown = {
            name: self._value(sandbox, thing, name, fields[name], deeper)
            for name, deeper in tree.items()
            if name in fields
        }
        return thing | grown

    def _value(
        self, sandbox: Sandbox, thing: Json, name: str, field: Expandable, deeper: Tree
    ) -> Any:
        if field.make is not None:
            return self._grown(sandbox, field.make(sandbox, thing), deeper)
        named = thing.get(name)
        for kind in field.kinds:
            found = sandbox.books.get(kind, named) if isinstance(named, str) else None
            if found is not None:
                return self._grown(sandbox, found, deeper)
        return named


def tree_of(paths: Iterable[str]) -> Tree:
    tree: Tree = {}
    for path in paths:
        branch = tree
        for part in path.split("."):
            branch = branch.setdefault(part, {})
    return tree
