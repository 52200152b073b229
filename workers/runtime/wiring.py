"""Does the code agree with the diagrams, the diagrams with the tables and forms, and all of them with the rules?

Each rule yields sentences; none means that it holds. The worker host and `orderops deploy` refuse to go on while
there is any.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from workers.runtime.errors import UserError
from workers.runtime.files import Files, read
from workers.runtime.form_rules import fields_are_read, shown_is_set
from workers.runtime.jobs import Process
from workers.runtime.model import DecisionFile, Diagram, Platform, Reference, UnreadableModelError
from workers.runtime.resources import forms_dir, models_dir
from workers.runtime.table_rules import tables_decide

PLATFORM = Platform("Camunda Cloud", "8.6")
BINDING = "deployment"
WORK = frozenset({"task", "serviceTask", "sendTask", "scriptTask", "businessRuleTask"})
"""Kinds of tasks that a worker does, or a decision or script in their place."""


Rule = Callable[[Process, Diagram, Files], Iterator[str]]


def check(processes: Iterable[Process], bpmn_dir: Path, forms_dir: Path) -> list[str]:
    """Every difference between the registered processes and the files, in sentences; empty when they agree."""
    processes = list(processes)
    try:
        files = read(bpmn_dir, forms_dir)
    except UnreadableModelError as error:
        return [f"{error}."]
    drawn = {diagram.process_id: diagram for diagram in files.diagrams}
    differences = list(_about_files(files, {process.id for process in processes}))
    for process in processes:
        if (diagram := drawn.get(process.id)) is None:
            differences.append(f"Process {process.id} is registered, but there is no {process.id}.bpmn with it.")
            continue
        differences += [sentence for rule in RULES for sentence in rule(process, diagram, files)]
    return differences


def require_agreement(processes: Iterable[Process], findings: Iterable[str] = ()) -> None:
    """Raise UserError with every difference and other `findings`; used before anything is deployed or served."""
    if differences := [*check(processes, models_dir(), forms_dir()), *findings]:
        listing = "\n".join(f"  - {difference}" for difference in differences)
        raise UserError(
            f"Diagrams, tables, forms and code do not agree:\n{listing}",
            hint="Nothing was deployed or served. Mend these in Modeler or in workers/, then try again.",
        )


def _about_files(files: Files, registered: set[str]) -> Iterator[str]:
    """Rules about single files and their names."""
    for diagram in files.diagrams:
        yield from _about_diagram(diagram, registered)
    for decisions in files.decisions:
        yield from _about_decisions(decisions, registered)
    used = {reference.target for diagram in files.diagrams for reference in diagram.forms}
    for form in files.forms:
        name = form.path.name
        yield from _platform(name, form.platform)
        if form.id != form.path.stem:
            yield f"{name}: its id is {form.id}; make it the file's name, {form.path.stem}."
        if form.id not in used:
            yield f"{name}: no user task uses this form; link it to one, or remove the file."


def _about_diagram(diagram: Diagram, registered: set[str]) -> Iterator[str]:
    name = diagram.path.name
    yield from _platform(name, diagram.platform)
    if diagram.process_id != diagram.path.stem:
        yield f"{name}: the process id is {diagram.process_id}; make it the file's name, {diagram.path.stem}."
    if diagram.process_id not in registered:
        yield f"{name}: process {diagram.process_id} is not registered; add it to workers/runtime/processes.py."
    if not diagram.executable:
        yield f"{name}: the process is not marked executable; mark it so in its properties."
    for element in diagram.undrawn:
        yield f"{name}: {element} is not drawn completely; draw it anew in Modeler."


def _about_decisions(file: DecisionFile, registered: set[str]) -> Iterator[str]:
    name, stem = file.path.name, file.path.stem
    yield from _platform(name, file.platform)
    if stem not in file.decisions:
        yield f"{name}: it holds no decision {stem}; give the decision that is called the file's name as its id."
    for decision in file.decisions:
        if not any(decision.startswith(f"{process}_") for process in registered):
            yield f"{name}: decision {decision} does not begin with the name of a process; let its id do so."
    for decision in file.undrawn:
        yield f"{name}: {decision} is not drawn; draw it anew in Modeler."


def _platform(name: str, platform: Platform) -> Iterator[str]:
    if platform.name != PLATFORM.name or not platform.version.startswith(f"{PLATFORM.version}."):
        found = f"{platform.name} {platform.version}".strip() or "nothing"
        yield f"{name}: its execution platform is {found}; save it for {PLATFORM.name} {PLATFORM.version}."


def _job_types(process: Process, diagram: Diagram, _files: Files) -> Iterator[str]:
    registered = [job.type for job in process.jobs]
    for job_type in sorted(diagram.job_types.keys() - set(registered)):
        yield (
            f"{process.id}: {diagram.job_types[job_type]} has job type {job_type}, which no handler does;"
            " choose another in Modeler, or add the handler."
        )
    for job_type in sorted(set(registered) - diagram.job_types.keys()):
        yield (
            f"{process.id}: a handler is registered for {job_type}, which nothing in the diagram has;"
            " draw its task, or remove the handler."
        )
    for job_type in sorted({each for each in registered if registered.count(each) > 1}):
        yield f"{process.id}: {job_type} is registered twice; remove one."
    for job_type in sorted(each for each in registered if not each.startswith(f"{process.id}.")):
        yield f"{process.id}: job type {job_type} does not begin with {process.id}; rename it."


def _work_without_job_type(process: Process, _diagram: Diagram, files: Files) -> Iterator[str]:
    """The engine passes over a task of no kind, and refuses the others in words of its own."""
    for step in files.steps[process.id].by_id.values():
        if step.worker or step.decision or step.results or step.kind not in WORK:
            continue
        yield (
            f"{process.id}: {step.id} has no job type, so nobody would do it;"
            f" choose a template of the category “orderops: {process.id.replace('_', ' ')}” in Modeler."
        )


def _errors(process: Process, diagram: Diagram, _files: Files) -> Iterator[str]:
    declared = {error.value for error in process.errors}
    for code in sorted(diagram.errors.keys() - declared):
        yield (
            f"{process.id}: {diagram.errors[code]} catches error {code or '(any)'}, which no handler throws;"
            " correct the code, or declare it in the contract."
        )
    for code in sorted(declared - diagram.errors.keys()):
        yield (
            f"{process.id}: error {code} is declared, but nothing in the diagram catches it;"
            " draw a boundary event for it, or remove it from the contract."
        )


def _messages(process: Process, diagram: Diagram, _files: Files) -> Iterator[str]:
    declared = {message.name.value: message for message in process.messages}
    caught = {catch.message for catch in diagram.catches}
    for name in sorted(declared.keys() - caught):
        if declared[name].starts:
            yield (
                f"{process.id}: no start event has message {name}, so nothing would start any more;"
                " give a start event this message again."
            )
        else:
            yield (
                f"{process.id}: message {name} is declared, but nothing in the diagram waits for it;"
                " draw an event with it, or remove it from the contract."
            )
    for catch in diagram.catches:
        message = declared.get(catch.message)
        if message is None:
            yield (
                f"{process.id}: {catch.element} waits for message {catch.message or '(none)'}, undeclared;"
                " choose another message, or declare it in the contract."
            )
            continue
        if message.starts != catch.starts and not message.starts_when_none_runs:
            says, draws = ("starts", "does not") if message.starts else ("does not start", "does")
            yield (
                f"{process.id}: message {catch.message} {says} the process, but {catch.element} {draws};"
                " move the message, or change what the contract says of it."
            )
        expected = f"={message.correlation_key}"
        if not catch.starts and catch.correlation != expected:
            found = catch.correlation or "(nothing)"
            yield f"{process.id}: {catch.element} correlates by {found}; make it {expected}."
    yield from _messages_in_two_places(process, diagram)


def _messages_in_two_places(process: Process, diagram: Diagram) -> Iterator[str]:
    """What starts an instance when none runs needs a start event, and a place where the running one takes it."""
    drawn = {(catch.message, catch.starts) for catch in diagram.catches}
    for name in (message.name.value for message in process.messages if message.starts_when_none_runs):
        if (name, True) not in drawn:
            yield (
                f"{process.id}: message {name} starts an instance when none runs, but no start event has it;"
                " give a start event this message again."
            )
        if (name, False) not in drawn:
            yield (
                f"{process.id}: message {name} is for the running instance too, but nothing in it waits for it;"
                " draw an event with it in the instance."
            )


def _references(process: Process, diagram: Diagram, files: Files) -> Iterator[str]:
    forms = frozenset(form.id for form in files.forms)
    called = frozenset(diagram.process_id for diagram in files.diagrams)
    yield from _targets(process, "form", diagram.forms, forms)
    yield from _targets(process, "decision", diagram.decisions, files.decision_ids)
    yield from _targets(process, "process", diagram.calls, called)
    with_form = {reference.element for reference in diagram.forms}
    for task, of_engine in diagram.user_tasks.items():
        if not of_engine:
            yield (
                f"{process.id}: user task {task} is not of the engine's own kind;"
                " choose Zeebe user task as its implementation."
            )
        if task not in with_form:
            yield f"{process.id}: user task {task} has no form; link one of forms/."


def _targets(
    process: Process, kind: str, references: Sequence[Reference], present: frozenset[str]
) -> Iterator[str]:
    for reference in references:
        if reference.target not in present:
            yield (
                f"{process.id}: {reference.element} uses {kind} {reference.target}, which no file has;"
                " correct the id, or add the file."
            )
        if reference.binding != BINDING:
            yield (
                f"{process.id}: {reference.element} binds its {kind} to {reference.binding};"
                f" choose {BINDING}, so that a running case keeps what it began with."
            )


def _unused_decisions(process: Process, diagram: Diagram, files: Files) -> Iterator[str]:
    """The file's own decision must be called; the others in it serve that one."""
    called = {reference.target for reference in diagram.decisions}
    for file in files.decisions:
        if file.path.stem.startswith(f"{process.id}_") and file.path.stem not in called:
            yield (
                f"{process.id}: nothing in the diagram calls decision {file.path.stem};"
                " call it from a business rule task, or remove the file."
            )


def _outcomes(process: Process, diagram: Diagram, _files: Files) -> Iterator[str]:
    for event in sorted(process.outcomes.keys() - diagram.end_events.keys()):
        yield (
            f"{process.id}: an outcome is registered for end event {event}, which the diagram has not;"
            " give the event its id again, or change the contract's outcomes."
        )
    for event in sorted(each for each, name in diagram.end_events.items() if not name):
        yield f"{process.id}: end event {event} has no name; say what is reached there."


RULES: tuple[Rule, ...] = (
    _job_types,
    _work_without_job_type,
    _errors,
    _messages,
    _references,
    _unused_decisions,
    _outcomes,
    tables_decide,
    fields_are_read,
    shown_is_set,
)
