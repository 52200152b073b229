"""A difference as people read it: what is added, removed and changed, word for word."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from workers.runtime.difference import Change, Difference, State

_STYLES = {State.NEW: "green", State.CHANGED: "yellow", State.UNCHANGED: "dim", State.GONE: "red"}


def show(console: Console, differences: Iterable[Difference]) -> None:
    """One paragraph for each file."""
    for difference in differences:
        for line in _lines(difference):
            console.print(line, soft_wrap=True)


def _lines(difference: Difference) -> Iterator[Text]:
    state, version = difference.state, difference.version
    yield Text.assemble(
        f"{difference.name}: ",
        (state.value, _STYLES[state]),
        f" (version {version} is deployed)" if version else "",
    )
    if state is State.GONE:
        yield Text("  It stays deployed: no file here has it, and the engine keeps what it has.")
    if state is State.CHANGED and not difference.changes:
        yield Text("  Only how it is drawn or written: nothing that the engine does.")
    yield from map(_line, difference.changes)


def _line(change: Change) -> Text:
    if change.old is None:
        return Text(f"  + {change.what}" + (f" ({change.new})" if change.new else ""), style="green")
    if change.new is None:
        return Text(f"  - {change.what}", style="red")
    return Text.assemble(f"  ~ {change.what}: ", (change.old, "red"), " → ", (change.new, "green"))
