"""Whatever the history, and wherever it is tampered with: it is found. Untouched, nothing is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.casefile.history import History
from tests.casefile.own_database import own_database
from workers.casefile import erasure
from workers.casefile.audit_models import AuditAnchor, AuditEntry

ENTRY = "(SELECT timeline_id FROM orderops.audit WHERE number = {number})"
CASE = "(SELECT case_id FROM orderops.audit WHERE number = {number})"
LATER = "case_id = " + CASE + " AND seq >= (SELECT seq FROM orderops.audit WHERE number = {number})"
NAMED = {
    "changed": [f"UPDATE orderops.timeline SET sentence = sentence || '!' WHERE id = {ENTRY}"],
    "made earlier": [
        f"UPDATE orderops.timeline SET happened_at = happened_at - interval '1 day' WHERE id = {ENTRY}"
    ],
    "taken from its case": [f"UPDATE orderops.timeline SET case_id = 'other' WHERE id = {ENTRY}"],
    "deleted": [f"DELETE FROM orderops.timeline WHERE id = {ENTRY}"],
    "its seal changed": ["UPDATE orderops.audit SET hash = sha256(hash) WHERE number = {number}"],
    "its digest changed": ["UPDATE orderops.audit SET digest = sha256(digest) WHERE number = {number}"],
    "sealed for another": ["UPDATE orderops.audit SET timeline_id = -1 WHERE number = {number}"],
    "its seal deleted": ["DELETE FROM orderops.audit WHERE number = {number}"],
    "blanked": [
        "UPDATE orderops.timeline SET erased_digest = ''::bytea, erased_at = now(), salt = NULL, actor = NULL, "
        f"facts = '{{{{}}}}', sentence = 'Erased on request.' WHERE id = {ENTRY}"
    ],
    "cut off": [
        f"CREATE TEMPORARY TABLE cut ON COMMIT DROP AS SELECT * FROM orderops.audit WHERE {LATER}",
        "DELETE FROM orderops.timeline WHERE id IN (SELECT timeline_id FROM cut)",
        "DELETE FROM orderops.audit WHERE number IN (SELECT number FROM cut)",
    ],
}
"""What is done to the entry of a number, by somebody who gets past the triggers; its case is named."""
CUT_OFF_WITH_THE_NOTE = [
    *NAMED["cut off"],
    "DELETE FROM orderops.audit_heads WHERE case_id IN (SELECT case_id FROM cut)",
    "INSERT INTO orderops.audit_heads SELECT DISTINCT ON (case_id) case_id, seq, hash FROM orderops.audit "
    "WHERE case_id IN (SELECT case_id FROM cut) ORDER BY case_id, seq DESC",
]

CASES = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), CASES, st.integers(1, 4)),
        st.tuples(st.just("erase"), CASES, st.just(1)),
        st.tuples(st.sampled_from(["seal", "anchor"]), st.just(""), st.just(1)),
    ),
    max_size=16,
)
HISTORIES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
async def history(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[History]:
    async with own_database(database_url) as database:
        yield History(database, Path(tmp_path_factory.mktemp("anchors")) / "anchors.jsonl")


async def happen(history: History, steps: list[tuple[str, str, int]], batch: int) -> int:
    """Let a history happen, sealed to its end and anchored; how many entries it has."""
    await history.forget()
    history.seals.batch = batch
    for case_id in "abcd":
        await history.finish(case_id)
    for step, case_id, entries in [("write", "a", 1), *steps]:
        if step == "write":
            await history.write(case_id, entries)
        elif step == "erase":
            await erasure.erase(history.database, case_id, "kim")
        elif step == "seal":
            await history.seals.seal()
        else:
            await history.anchor()
    await history.seal()
    await history.anchor()
    async with history.database.sessions() as session:
        anchor = await session.scalar(select(AuditAnchor).order_by(AuditAnchor.number.desc()).limit(1))
    assert anchor is not None
    return anchor.entries


async def case_of(history: History, number: int) -> str:
    async with history.database.sessions() as session:
        return (await session.get_one(AuditEntry, number)).case_id


@HISTORIES
@given(STEPS, st.integers(1, 5), st.sampled_from(sorted(NAMED)), st.integers(0, 1_000))
async def test_what_is_tampered_with_is_found_and_its_case_named(
    history: History, steps: list[tuple[str, str, int]], batch: int, how: str, which: int
) -> None:
    number = which % await happen(history, steps, batch) + 1
    assert await history.findings(outside=True) == []
    case_id = await case_of(history, number)
    await history.tamper(*(statement.format(number=number) for statement in NAMED[how]))
    assert case_id in {finding.case_id for finding in await history.findings()}


@HISTORIES
@given(STEPS, st.integers(1, 5), st.integers(0, 1_000))
async def test_what_leaves_no_name_is_found_by_its_number(
    history: History, steps: list[tuple[str, str, int]], batch: int, which: int
) -> None:
    number = which % await happen(history, steps, batch) + 1
    await history.tamper(*(statement.format(number=number) for statement in CUT_OFF_WITH_THE_NOTE))
    assert "deleted" in {finding.what for finding in await history.findings()}


@HISTORIES
@given(STEPS, st.integers(1, 5), st.integers(0, 1_000))
async def test_what_is_forged_from_end_to_end_is_found_outside(
    history: History, steps: list[tuple[str, str, int]], batch: int, which: int
) -> None:
    number = which % await happen(history, steps, batch) + 1
    await history.tamper(*(statement.format(number=number) for statement in NAMED["made earlier"]))
    await history.forge()
    assert await history.findings() == []
    assert {finding.what for finding in await history.findings(outside=True)} == {"anchor"}
