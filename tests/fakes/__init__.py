"""Ports implemented in memory, for unit tests: they keep what was sent and fail when told to."""

from tests.fakes.ads import FakeAds
from tests.fakes.alerts import FakeAlerts
from tests.fakes.carriers import FakeCarriers
from tests.fakes.events import FakeEventBus
from tests.fakes.handover import FakeHandover
from tests.fakes.helpdesk import FakeHelpdesk
from tests.fakes.ledger import FakeLedger
from tests.fakes.mailer import FakeMailer
from tests.fakes.payments import FakePayments
from tests.fakes.shop import FakeShop
from tests.fakes.suppliers import FakeSuppliers

__all__ = [
    "FakeAds",
    "FakeAlerts",
    "FakeCarriers",
    "FakeEventBus",
    "FakeHandover",
    "FakeHelpdesk",
    "FakeLedger",
    "FakeMailer",
    "FakePayments",
    "FakeShop",
    "FakeSuppliers",
]
