"""The diagrams behind cases: their text for the browser, and the names of what is in them for people."""

from collections.abc import Mapping
from functools import cache

from lxml import etree

from workers.runtime.model import read_diagram
from workers.runtime.resources import models_dir
from workers.runtime.steps import steps_of


@cache
def model(process: str) -> bytes | None:
    """The diagram as it lies beside the code; None when there is none of this name."""
    known = {path.stem: path for path in models_dir().glob("*.bpmn")}
    return known[process].read_bytes() if process in known else None


@cache
def names(process: str) -> Mapping[str, str]:
    """What people call the elements of a process, by id."""
    text = model(process)
    if text is None:
        return {}
    elements = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    return {id_: name for each in elements.iter() if (id_ := each.get("id")) and (name := each.get("name"))}


@cache
def unsaid(process: str) -> Mapping[str, str]:
    """Sequence flows that the engine says nothing of when they are taken, each with the event that says it."""
    text = model(process)
    return steps_of(text).unsaid if text else {}


@cache
def user_tasks() -> Mapping[str, str]:
    """Every user task of every process: its id, and what people call it."""
    found: dict[str, str] = {}
    for path in sorted(models_dir().glob("*.bpmn")):
        found |= {task: name_of(path.stem, task) for task in read_diagram(path).user_tasks}
    return found


def title(process: str) -> str:
    """What people call a process."""
    return names(process).get(process, process)


def name_of(process: str, element: str) -> str:
    """One of them; the id when the diagram does not say."""
    return names(process).get(element, element)
