"""The tables of the audit trail; byte by byte in docs/reference/audit.md."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class AuditEntry(Base):
    """The seal of a timeline entry, and a link of its case's chain: append-only."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("uq_audit_case_id_seq", "case_id", "seq", unique=True),
        Index("uq_audit_timeline_id", "timeline_id", unique=True),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, … over all cases, in the order of sealing; no number is left out."""
    case_id: Mapped[str]
    seq: Mapped[int]
    """1, 2, … within the case."""
    timeline_id: Mapped[int]
    digest: Mapped[bytes]
    """SHA-256 of the timeline entry."""
    hash: Mapped[bytes]
    """SHA-256 of the hash before it in the case, and of this entry."""


class AuditHead(Base):
    """The end of a case's chain: what the next entry is linked to, and how a cut is noticed."""

    __tablename__ = "audit_heads"

    case_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[bytes]


class AuditProgress(Base):
    """How far the sealing is. One row; who has it locked seals."""

    __tablename__ = "audit_progress"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed_up_to: Mapped[int]
    """Up to this id, every timeline entry that there will ever be is sealed."""
    entries: Mapped[int]
    """The highest number of an audit entry."""


class AuditAnchor(Base):
    """All audit entries so far in one hash, which is told to the outside: append-only."""

    __tablename__ = "audit_anchors"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made_at: Mapped[datetime]
    entries: Mapped[int]
    """The highest number of an audit entry that it covers."""
    cases: Mapped[int]
    """How many cases these belong to."""
    digest: Mapped[bytes]
    """SHA-256 of the hashes since the anchor before, by number."""
    hash: Mapped[bytes]
    """SHA-256 of the hash of the anchor before, and of this anchor."""
