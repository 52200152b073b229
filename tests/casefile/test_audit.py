"""The audit trail: what is done to history behind its back is found, and where nothing was done, nothing is."""

import asyncio
import hashlib
import json
import os
import struct
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from tests.casefile.history import History
from workers.casefile import anchors, erasure
from workers.casefile.audit_models import AuditAnchor, AuditEntry, AuditProgress
from workers.casefile.db import Database
from workers.casefile.models import Case, CustomerRequest, InboxRow, TimelineEntry
from workers.casefile.record_models import Instance, Record
from workers.casefile.seal import OPEN_COLUMNS, PERSONAL_COLUMNS
from workers.casefile.sealing import Seals

ENTRY_3 = "(SELECT timeline_id FROM orderops.audit WHERE case_id = 'a' AND seq = 3)"
ENTRY_4 = "(SELECT timeline_id FROM orderops.audit WHERE case_id = 'a' AND seq = 4)"


@pytest.fixture
async def sealed(history: History) -> History:
    """Cases a, b and c with five entries each, in turns; anchored after every second round."""
    for number in range(5):
        for case_id in "abc":
            await history.write(case_id)
        await history.seal()
        if number % 2:
            await history.anchor()
    await history.anchor()
    return history


class TestAppendOnly:
    """What was known when is kept."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE orderops.timeline SET sentence = 'nothing happened'",
            "UPDATE orderops.timeline SET happened_at = now()",
            "DELETE FROM orderops.timeline",
            "TRUNCATE orderops.timeline",
            "UPDATE orderops.audit SET seq = seq + 1",
            "DELETE FROM orderops.audit",
            "TRUNCATE orderops.audit",
            "UPDATE orderops.audit_anchors SET made_at = now()",
            "DELETE FROM orderops.audit_anchors",
            "TRUNCATE orderops.audit_anchors",
        ],
    )
    async def test_what_was_written_stays(self, sealed: History, statement: str) -> None:
        with pytest.raises(DBAPIError, match="stay as they are"):
            async with sealed.database.transaction() as session:
                await session.execute(text(statement))
        assert await sealed.found() == set()

    async def test_an_open_case_cannot_be_erased(self, sealed: History) -> None:
        with pytest.raises(DBAPIError, match="only finished cases"):
            async with sealed.database.transaction() as session:
                await session.execute(text("UPDATE orderops.timeline SET erased_at = now()"))


class TestSealing:
    def test_every_column_of_the_timeline_is_sealed(self) -> None:
        """One that is added later is to be decided on. The id is in the hash, the others tell of an erasure."""
        sealed = {column.key for column in (*OPEN_COLUMNS, *PERSONAL_COLUMNS)}
        assert sealed | {"id", "erased_at", "erased_digest"} == set(TimelineEntry.__table__.columns.keys())

    async def test_every_entry_is_sealed_once_in_the_order_of_its_case(self, sealed: History) -> None:
        async with sealed.database.sessions() as session:
            entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.number)))
        assert [entry.number for entry in entries] == list(range(1, 16))
        assert [(entry.case_id, entry.seq) for entry in entries] == [(c, n) for n in range(1, 6) for c in "abc"]
        assert await sealed.found() == set()
        assert await sealed.seals.seal() == 0

    async def test_the_bytes_are_those_of_the_documentation(self, history: History) -> None:
        """Put together here by hand, as docs/reference/audit.md says it."""
        await history.sealed("ä", 2)
        async with history.database.sessions() as session:
            rows = list(await session.scalars(select(TimelineEntry).order_by(TimelineEntry.id)))
            facts = list(await session.scalars(text("SELECT facts::text FROM orderops.timeline ORDER BY id")))
            seals = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))

        def field(value: bytes | None) -> bytes:
            return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value

        def time(moment: datetime) -> bytes:
            return struct.pack(">q", (moment - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))

        previous = bytes(32)
        for row, written, seal in zip(rows, facts, seals, strict=True):
            assert row.salt is not None
            opened = b"".join(
                [
                    field(row.case_id.encode()),
                    field(row.key.encode()),
                    field(row.kind.encode()),
                    field(None),
                    field(None),
                    field(row.source.encode()),
                    field(time(row.happened_at)),
                    field(time(row.recorded_at)),
                ]
            )
            personal = field(row.salt.bytes) + field(row.sentence.encode()) + field(None) + field(written.encode())
            digest = hashlib.sha256(opened + hashlib.sha256(personal).digest()).digest()
            link = field("ä".encode()) + struct.pack(">qq", seal.seq, row.id) + digest
            previous = hashlib.sha256(previous + link).digest()
            assert (seal.digest, seal.hash) == (digest, previous)

    async def test_in_small_batches_it_is_the_same_chain(self, history: History) -> None:
        await history.write("a", 7)
        await history.write("b", 4)
        history.seals.batch = 3
        await history.seal()
        async with history.database.sessions() as session:
            progress = await session.get_one(AuditProgress, 1)
            assert progress.sealed_up_to == await session.scalar(text("SELECT max(id) FROM orderops.timeline"))
            assert progress.entries == 11
        assert await history.found() == set()

    async def test_an_entry_that_becomes_visible_late_is_not_forgotten(self, history: History) -> None:
        """Its id is lower than what has been sealed long ago."""
        values = {"case_id": "late", "key": "1", "kind": "noted", "sentence": "Late", "facts": {}}
        async with history.database.transaction() as late:
            await late.execute(insert(TimelineEntry).values(values))
            for _ in range(3):
                await history.sealed("a", 2)
                await history.seals.seal()
            async with history.database.sessions() as session:
                progress = await session.get_one(AuditProgress, 1)
                assert progress.entries == 6
                assert progress.sealed_up_to < await session.scalar(text("SELECT min(id) FROM orderops.timeline"))
        await history.seal()
        await history.sealed("a")
        assert await history.found() == set()
        async with history.database.sessions() as session:
            [late_seal] = await session.scalars(select(AuditEntry).where(AuditEntry.case_id == "late"))
            progress = await session.get_one(AuditProgress, 1)
            assert (late_seal.number, progress.entries) == (7, 8)
            assert progress.sealed_up_to == await session.scalar(text("SELECT max(id) FROM orderops.timeline"))

    async def test_two_sealers_at_once_seal_nothing_twice(self, history: History) -> None:
        sealers = [Seals(history.database, batch=7) for _ in range(3)]
        writing = [asyncio.create_task(history.write(case_id, 30)) for case_id in "abc"]
        while not all(task.done() for task in writing):
            await asyncio.gather(*(sealer.seal() for sealer in sealers))
            await asyncio.gather(*(sealer.anchor(every=timedelta(0)) for sealer in sealers))
        while sum(await asyncio.gather(*(sealer.seal() for sealer in sealers))):
            pass
        await history.anchor()
        assert await history.found(outside=True) == set()
        async with history.database.sessions() as session:
            assert (await session.get_one(AuditProgress, 1)).entries == 90

    async def test_killed_in_the_middle_nothing_is_half_done(self, history: History) -> None:
        await history.write("a", 5)
        killed = Database(history.database.engine.url.render_as_string(hide_password=False), 1)
        for moment in (0.0, 0.002, 0.004, 0.006, 0.01):
            sealing = asyncio.create_task(Seals(killed, batch=2).seal())
            await asyncio.sleep(moment)
            sealing.cancel()
            await asyncio.gather(sealing, return_exceptions=True)
        await killed.close()
        async with asyncio.timeout(10), history.database.sessions() as session:
            progress = await session.get_one(AuditProgress, 1)
            while progress.entries < 5:  # what was killed may hold its lock for a moment yet
                await history.seal()
                await session.refresh(progress)
        assert progress.entries == 5
        assert await history.found() == set()


class TestTampering:
    """Done by somebody who gets past the triggers."""

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (f"UPDATE orderops.timeline SET sentence = 'Nothing' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET facts = '{{}}' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET actor = 'lee' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET source = 'api' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET element_id = '' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET case_id = 'b' WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (
                "UPDATE orderops.timeline SET happened_at = happened_at - interval '1 microsecond' "
                f"WHERE id = {ENTRY_3}",
                ("changed", "a", 3),
            ),
            (f"UPDATE orderops.timeline SET recorded_at = now() WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"UPDATE orderops.timeline SET salt = gen_random_uuid() WHERE id = {ENTRY_3}", ("changed", "a", 3)),
            (f"DELETE FROM orderops.timeline WHERE id = {ENTRY_3}", ("deleted", "a", 3)),
            ("UPDATE orderops.audit SET digest = hash WHERE case_id = 'a' AND seq = 3", ("changed", "a", 3)),
            ("UPDATE orderops.audit SET hash = digest WHERE case_id = 'a' AND seq = 3", ("changed", "a", 3)),
            ("UPDATE orderops.audit SET hash = digest WHERE case_id = 'a' AND seq = 5", ("changed", "a", 5)),
            ("DELETE FROM orderops.audit WHERE case_id = 'a' AND seq = 3", ("deleted", "a", 4)),
            ("DELETE FROM orderops.audit WHERE case_id = 'a' AND seq = 1", ("deleted", "a", 2)),
            ("DELETE FROM orderops.audit WHERE case_id = 'a' AND seq = 5", ("truncated", "a", None)),
            ("DELETE FROM orderops.audit WHERE case_id = 'a'", ("truncated", "a", None)),
            ("DELETE FROM orderops.audit_heads WHERE case_id = 'a'", ("deleted", "a", None)),
            ("DELETE FROM orderops.audit_progress", ("deleted", None, None)),
            ("UPDATE orderops.audit_heads SET hash = '' WHERE case_id = 'a'", ("changed", "a", 5)),
            ("DELETE FROM orderops.audit_anchors WHERE number = 2", ("anchor", None, None)),
            ("UPDATE orderops.audit_anchors SET made_at = now() WHERE number = 2", ("anchor", None, None)),
            ("UPDATE orderops.audit_anchors SET digest = hash WHERE number = 2", ("anchor", None, None)),
        ],
    )
    async def test_it_is_found_and_named(
        self, sealed: History, change: str, what: tuple[str, str | None, int | None]
    ) -> None:
        await sealed.tamper(change)
        assert what in await sealed.found()

    async def test_contents_that_were_swapped_are_called_reordered(self, sealed: History) -> None:
        columns = "key, kind, sentence, facts, happened_at, recorded_at, source, salt"
        await sealed.tamper(
            "CREATE TEMPORARY TABLE swapped ON COMMIT DROP AS SELECT * FROM orderops.timeline "
            f"WHERE id IN ({ENTRY_3}, {ENTRY_4})",
            "UPDATE swapped SET key = key || '-'",
            f"UPDATE orderops.timeline t SET ({columns}) = (SELECT {columns} FROM swapped s WHERE s.id <> t.id) "
            f"WHERE t.id IN ({ENTRY_3}, {ENTRY_4})",
            f"UPDATE orderops.timeline SET key = rtrim(key, '-') WHERE id IN ({ENTRY_3}, {ENTRY_4})",
        )
        assert await sealed.found() == {("reordered", "a", 3), ("reordered", "a", 4)}

    async def test_seals_that_were_swapped_are_found(self, sealed: History) -> None:
        await sealed.tamper(
            "UPDATE orderops.audit SET seq = -3 WHERE case_id = 'a' AND seq = 3",
            "UPDATE orderops.audit SET seq = 3 WHERE case_id = 'a' AND seq = 4",
            "UPDATE orderops.audit SET seq = 4 WHERE case_id = 'a' AND seq = -3",
        )
        assert ("reordered", "a", 4) in await sealed.found()

    async def test_the_end_of_a_case_cannot_be_cut_off(self, sealed: History) -> None:
        await sealed.tamper(
            f"DELETE FROM orderops.timeline WHERE id >= {ENTRY_4} AND case_id = 'a'",
            "DELETE FROM orderops.audit WHERE case_id = 'a' AND seq >= 4",
        )
        assert ("truncated", "a", None) in await sealed.found()

    async def test_not_even_when_its_end_is_noted_anew(self, sealed: History) -> None:
        """The numbers over all cases have a gap then."""
        await sealed.tamper(
            f"DELETE FROM orderops.timeline WHERE id >= {ENTRY_4} AND case_id = 'a'",
            "DELETE FROM orderops.audit WHERE case_id = 'a' AND seq >= 4",
            "UPDATE orderops.audit_heads SET seq = 3, hash = (SELECT hash FROM orderops.audit "
            "WHERE case_id = 'a' AND seq = 3) WHERE case_id = 'a'",
        )
        assert [str(finding) for finding in await sealed.findings()] == [
            "deleted: audit entry 10 is not there (numbers over all cases)",
            "deleted: audit entry 13 is not there (numbers over all cases)",
        ]

    async def test_a_case_cannot_disappear(self, sealed: History) -> None:
        await sealed.tamper(
            *(
                f"DELETE FROM orderops.{table} WHERE case_id = 'b'"
                for table in ("timeline", "audit", "audit_heads")
            )
        )
        gaps = [str(finding) for finding in await sealed.findings()]
        assert gaps == [
            f"deleted: audit entry {n} is not there (numbers over all cases)" for n in (2, 5, 8, 11, 14)
        ]

    async def test_the_newest_entries_of_all_cannot_disappear(self, sealed: History) -> None:
        await sealed.tamper(
            "DELETE FROM orderops.timeline WHERE id IN (SELECT timeline_id FROM orderops.audit WHERE number > 12)",
            "DELETE FROM orderops.audit WHERE number > 12",
            "UPDATE orderops.audit_heads h SET seq = 4, hash = a.hash FROM orderops.audit a "
            "WHERE a.case_id = h.case_id AND a.seq = 4",
        )
        assert {each.what.value for each in await sealed.findings()} == {"deleted"}

    async def test_an_entry_cannot_be_slipped_in(self, sealed: History) -> None:
        await sealed.tamper(
            "INSERT INTO orderops.timeline (id, case_id, key, kind, sentence, facts) OVERRIDING SYSTEM VALUE "
            "VALUES (-5, 'a', 'x', 'noted', 'It was always so', '{}')"
        )
        assert await sealed.found() == {("inserted", "a", None)}

    async def test_an_entry_cannot_be_slipped_in_with_a_seal(self, sealed: History) -> None:
        await sealed.tamper(
            "INSERT INTO orderops.audit (number, case_id, seq, timeline_id, digest, hash) "
            f"SELECT 99, 'a', 6, -5, digest, hash FROM orderops.audit WHERE timeline_id = {ENTRY_3}"
        )
        assert {("inserted", "a", None), ("changed", "a", 6), ("deleted", "a", 6)} <= await sealed.found()

    async def test_one_case_alone_can_be_verified(self, sealed: History) -> None:
        await sealed.tamper(f"UPDATE orderops.timeline SET sentence = 'Nothing' WHERE id = {ENTRY_3}")
        assert [str(finding) for finding in await sealed.findings("a")] == [
            "case a, entry 3: changed: its timeline entry does not say what was sealed"
        ]
        assert await sealed.findings("b") == []


class TestAnchors:
    """What was told to the outside holds against those who may do everything inside."""

    async def test_a_history_forged_from_end_to_end_is_found_by_them_alone(self, sealed: History) -> None:
        await sealed.tamper(f"UPDATE orderops.timeline SET sentence = 'Nothing' WHERE id = {ENTRY_4}")
        await sealed.forge()
        assert await sealed.findings() == []
        first, more = [str(finding) for finding in await sealed.findings(outside=True)]
        assert first.startswith(
            "anchor: anchor 2 is not the one that was told to the outside; it covers the entries"
        )
        assert first.endswith("case a and 2 other cases")
        assert more == "anchor: 1 more after it are not those that were told to the outside either"

    async def test_the_newest_cannot_disappear(self, sealed: History) -> None:
        await sealed.tamper("DELETE FROM orderops.audit_anchors WHERE number > 1")
        assert await sealed.findings() == []
        assert [str(finding) for finding in await sealed.findings(outside=True)] == [
            "anchor: anchors 2 to 3 are told to the outside, but not there"
        ]

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            ([0, 2], "anchor 2 is not in the file"),
            ([1, 2], "anchor 1 is not in the file"),
            ([0, 1, 1, 2], "anchor 2 comes after anchor 2 in the file"),
        ],
    )
    async def test_the_file_is_verified_too(self, sealed: History, lines: list[int], says: str) -> None:
        there = sealed.file.read_text().splitlines(keepends=True)
        sealed.file.write_text("".join(there[line] for line in lines))
        assert f"anchor: {says}" in [str(finding) for finding in await sealed.findings(outside=True)]

    async def test_a_line_that_was_changed_in_the_file_is_found(self, sealed: History) -> None:
        there = sealed.file.read_text().splitlines()
        there[1] = json.dumps({**json.loads(there[1]), "entries": 11})
        sealed.file.write_text("\n".join(there) + "\n")
        says = "anchor: anchor 2 of the file or the one before it was changed there"
        assert says in [str(finding) for finding in await sealed.findings(outside=True)]

    async def test_they_come_at_most_once_a_minute_unless_there_is_very_much(self, history: History) -> None:
        await history.sealed("a")
        assert await history.seals.anchor() is not None
        await history.sealed("a")
        assert await history.seals.anchor() is None
        await history.tamper("UPDATE orderops.audit_anchors SET made_at = now() - interval '61 seconds'")
        assert await history.seals.anchor() is not None
        assert await history.seals.anchor(every=timedelta(0)) is None, "there is nothing new"

    async def test_the_file_gets_what_it_missed(self, sealed: History) -> None:
        """Killed between commit and file, or another bridge made them."""
        told = sealed.file.read_text()
        sealed.file.write_text("".join(told.splitlines(keepends=True)[:1]))
        await sealed.anchor()
        assert sealed.file.read_text() == told

    async def test_a_line_that_was_cut_by_a_crash_is_told_again(self, sealed: History) -> None:
        told = sealed.file.read_text()
        os.truncate(sealed.file, len(told.encode()) - 40)
        await sealed.anchor()
        assert [anchor.number for anchor in anchors.read(sealed.file)] == [1, 2, 3]
        assert await sealed.findings(outside=True) == []

    async def test_told_twice_it_stands_once(self, sealed: History) -> None:
        told = sealed.file.read_text()
        anchors.append(sealed.file, list(anchors.read(sealed.file)))
        assert sealed.file.read_text() == told

    async def test_what_they_count(self, sealed: History) -> None:
        async with sealed.database.sessions() as session:
            made = list(await session.scalars(select(AuditAnchor).order_by(AuditAnchor.number)))
        assert [(anchor.number, anchor.entries, anchor.cases) for anchor in made] == [
            (1, 6, 3),
            (2, 12, 3),
            (3, 15, 3),
        ]


class TestErasure:
    @pytest.fixture
    async def erased(self, sealed: History) -> History:
        await sealed.finish("a")
        async with sealed.database.transaction() as session:
            session.add(
                CustomerRequest(
                    id="a-1",
                    case_id="a",
                    kind="address",
                    facts={"street": "High Street"},
                    expires_at=datetime.now(UTC),
                )
            )
            session.add(
                InboxRow(
                    source="page", process="fulfillment", message_name="address_corrected", correlation_key="a-1",
                    time_to_live_ms=1, variables={"street": "High Street"}, dedupe_key="a-1", body_sha256=b"",
                    trace_id="", published_at=datetime.now(UTC),
                )
            )  # fmt: skip
            instance = Instance(
                key=7,
                root_key=7,
                case_id="a",
                process="fulfillment",
                definition_key=1,
                state="done",
                started_at=datetime.now(UTC),
            )
            completed = Record(
                partition=1, position=1, happened_at=datetime.now(UTC), value_type="USER_TASK", intent="COMPLETED",
                key=8, process_instance_key=7, facts={"userTaskKey": 8, "variables": {"street": "High Street"}},
            )  # fmt: skip
            session.add_all([instance, completed])
        await sealed.write("a")  # not sealed yet
        assert await erasure.erase(sealed.database, "a", "kim") == 6
        await sealed.seal()
        await sealed.anchor()
        return sealed

    async def test_what_is_personal_is_gone_and_the_rest_stays(self, erased: History) -> None:
        held = await erasure.export(erased.database, "a")
        assert held is not None
        *entries, says = held["timeline"]
        for entry in entries:
            assert (entry["sentence"], entry["facts"], entry["actor"], entry["salt"]) == (
                "Erased on request.", {}, None, None,
            )  # fmt: skip
            assert entry["kind"] == "noted"
            assert entry["erased_at"] is not None
        assert (says["sentence"], says["actor"]) == ("Personal data erased on request", "kim")
        assert held["case"]["shop_order"] is None
        assert [request["facts"] for request in held["customer_requests"]] == [{}]
        assert [message["variables"] for message in held["messages"]] == [{}]
        async with erased.database.sessions() as session:
            assert (await session.get_one(Record, (1, 1))).facts == {"userTaskKey": 8}

    async def test_the_chain_still_verifies(self, erased: History) -> None:
        assert await erased.findings(outside=True) == []

    async def test_what_stayed_cannot_be_changed(self, erased: History) -> None:
        await erased.tamper(f"UPDATE orderops.timeline SET kind = 'refunded' WHERE id = {ENTRY_3}")
        assert await erased.found() == {("changed", "a", 3)}

    async def test_nothing_can_be_written_in_its_place(self, erased: History) -> None:
        await erased.tamper(f"UPDATE orderops.timeline SET sentence = 'Refunded' WHERE id = {ENTRY_3}")
        assert await erased.found() == {("changed", "a", 3)}

    async def test_erased_in_silence_it_is_found(self, sealed: History) -> None:
        """By the database's own means, and without an entry that says so."""
        await sealed.finish("a")
        async with sealed.database.transaction() as session:
            await session.execute(text(f"UPDATE orderops.timeline SET erased_at = now() WHERE id = {ENTRY_3}"))
        assert await sealed.found() == {("changed", "a", 3)}

    async def test_only_once_the_case_has_ended(self, sealed: History) -> None:
        async with sealed.database.transaction() as session:
            session.add(Case(id="a", process="fulfillment", state="incident"))
        assert await erasure.erase(sealed.database, "a", "kim") is None
        assert await erasure.erase(sealed.database, "nobody", "kim") is None
        assert await sealed.found() == set()

    async def test_repeated_it_erases_what_has_come_since(self, erased: History) -> None:
        assert await erasure.erase(erased.database, "a", "kim") == 0
        await erased.sealed("a", 2)
        assert await erasure.erase(erased.database, "a", "lee") == 2
        await erased.seal()
        assert await erased.findings() == []
