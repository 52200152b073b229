"""What a seal is made of, byte by byte: docs/reference/audit.md says the same for those who check it themselves.

PostgreSQL puts the bytes together by functions of its own, when an entry is sealed and when it is verified. It
hashes what it seals; who verifies hashes here.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from workers.casefile.audit_models import AuditAnchor, AuditEntry, AuditProgress
from workers.casefile.models import TimelineEntry

BEGINNING = bytes(32)
"""What stands for the hash before the first."""
ERASED = "personal_data_erased"
"""Kind of the timeline entry that says that, by whom and up to where a case was erased; never erased itself."""
ERASED_UP_TO = "up_to_timeline_id"
"""The fact in which it says up to where."""
_NULL = b"\xff" * 4
_SAYS_ERASED = b"Erased on request."
_NOTHING = b"{}"
_UTF8: ColumnElement[str] = literal_column("'UTF8'")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def joined(*parts: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Bytes after bytes."""
    return reduce(lambda one, other: one.op("||", return_type=LargeBinary())(other), parts)


def _bytes_of(column: InstrumentedAttribute[Any]) -> ColumnElement[bytes]:
    match column.type:
        case JSONB():
            return func.convert_to(cast(column, Text), _UTF8, type_=LargeBinary)
        case Text():
            return func.convert_to(column, _UTF8, type_=LargeBinary)
        case DateTime():
            return func.timestamptz_send(column, type_=LargeBinary)
        case Uuid():
            return func.uuid_send(column, type_=LargeBinary)
        case BigInteger():
            return func.int8send(column, type_=LargeBinary)
    raise TypeError(f"{column.key} has a type that has no bytes yet")


def _fields(columns: Sequence[InstrumentedAttribute[Any]]) -> ColumnElement[bytes]:
    """Each with its length in front; the length of NULL is -1."""
    fields = []
    for column in columns:
        value = _bytes_of(column)
        field = joined(func.int4send(func.length(value)), value)
        fields.append(func.coalesce(field, func.int4send(-1), type_=LargeBinary))
    return joined(*fields)


OPEN_COLUMNS = (
    TimelineEntry.case_id,
    TimelineEntry.key,
    TimelineEntry.kind,
    TimelineEntry.element_id,
    TimelineEntry.process_instance_key,
    TimelineEntry.source,
    TimelineEntry.happened_at,
    TimelineEntry.recorded_at,
)
"""What of a timeline entry stays for ever."""
PERSONAL_COLUMNS = (TimelineEntry.salt, TimelineEntry.sentence, TimelineEntry.actor, TimelineEntry.facts)
"""What may be erased."""
OPEN = _fields(OPEN_COLUMNS)
PERSONAL = _fields(PERSONAL_COLUMNS)
BLANK = b"".join([_NULL, len(_SAYS_ERASED).to_bytes(4), _SAYS_ERASED, _NULL, len(_NOTHING).to_bytes(4), _NOTHING])
"""PERSONAL, after it was erased."""
DIGEST = func.sha256(
    joined(OPEN, func.coalesce(TimelineEntry.erased_digest, func.sha256(PERSONAL), type_=LargeBinary)),
    type_=LargeBinary,
)

UNSEALED = and_(
    TimelineEntry.id > func.coalesce(select(AuditProgress.sealed_up_to).scalar_subquery(), 0),
    ~exists().where(
        AuditEntry.timeline_id == TimelineEntry.id,
        AuditEntry.timeline_id > func.coalesce(select(AuditProgress.sealed_up_to).scalar_subquery(), 0),
    ),
)
"""Entries that wait for the sealer."""


def digest_of(opened: bytes, personal: bytes, erased_digest: bytes | None) -> bytes:
    """As DIGEST, here."""
    return hashlib.sha256(opened + (erased_digest or hashlib.sha256(personal).digest())).digest()


def link(case_id: Any, seq: Any, timeline_id: Any, digest: Any) -> ColumnElement[bytes]:
    """What of an entry goes into its hash, after the hash before it."""
    name = func.convert_to(case_id, _UTF8, type_=LargeBinary)
    return joined(func.int4send(func.length(name)), name, func.int8send(seq), func.int8send(timeline_id), digest)


def hash_of(before: bytes, case_id: str, seq: int, timeline_id: int, digest: bytes) -> bytes:
    """The hash of an audit entry."""
    name = case_id.encode()
    parts = (before, len(name).to_bytes(4), name, _int8(seq), _int8(timeline_id), digest)
    return hashlib.sha256(b"".join(parts)).digest()


def anchor_hash(before: bytes, anchor: AuditAnchor) -> bytes:
    """The hash of an anchor."""
    made_at = (anchor.made_at - _EPOCH) // _MICROSECOND
    numbers = (anchor.number, made_at, anchor.entries, anchor.cases)
    return hashlib.sha256(before + b"".join(map(_int8, numbers)) + anchor.digest).digest()


def _int8(number: int) -> bytes:
    return number.to_bytes(8, signed=True)
