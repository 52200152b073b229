"""The outside world as processes see it: a port for each system, each behind a gate of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace

from workers.adapters.address_facts import PostalAddresses
from workers.adapters.gate import gated
from workers.adapters.llm_analysis import Endpoint, LlmAnalysis
from workers.adapters.local_analysis import LocalAnalysis
from workers.adapters.mock_ads import MockAds
from workers.adapters.mock_alerts import MockAlerts
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_certificates import KeptCertificates
from workers.adapters.mock_events import MockEventBus
from workers.adapters.mock_helpdesk import MockHelpdesk
from workers.adapters.mock_ledger import MockLedger
from workers.adapters.mock_mail import MockMailer
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.adapters.template_replies import TemplateReplies
from workers.ports.addresses import Addresses
from workers.ports.ads import Ads
from workers.ports.alerts import Alerts
from workers.ports.analysis import TicketAnalysis
from workers.ports.carriers import Carriers
from workers.ports.certificates import CertificateStore
from workers.ports.events import EventBus
from workers.ports.helpdesk import Helpdesk
from workers.ports.ledger import Ledger
from workers.ports.mail import Mailer
from workers.ports.payments import Payments
from workers.ports.replies import Replies
from workers.ports.shop import Shop
from workers.ports.supplier import Suppliers
from workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Outside:
    """The outside world: mocked here, real adapters for those who have them."""

    shop: Shop
    suppliers: Suppliers
    carriers: Carriers
    payments: Payments
    ledger: Ledger
    mailer: Mailer
    events: EventBus
    addresses: Addresses
    certificates: CertificateStore
    helpdesk: Helpdesk
    replies: Replies
    alerts: Alerts
    ads: Ads
    analysis: TicketAnalysis | None = None
    """Without one, as the settings say."""


def mocked_outside(world: MockWorld) -> Outside:
    """The mocked outside world, over connections of its own."""
    return Outside(
        shop=MockShop(world),
        suppliers=MockSuppliers(world),
        carriers=MockCarriers(world),
        payments=MockPayments(world),
        ledger=MockLedger(world),
        mailer=MockMailer(world),
        events=MockEventBus(world),
        addresses=PostalAddresses(),
        certificates=KeptCertificates(world),
        helpdesk=MockHelpdesk(world),
        replies=TemplateReplies(),
        alerts=MockAlerts(world),
        ads=MockAds(world),
    )


def with_gates(outside: Outside) -> Outside:
    """Each system behind a gate of its own: one that wants fewer calls holds up its own jobs only."""
    ports = {field.name: getattr(outside, field.name) for field in fields(outside)}
    return replace(outside, **{name: gated(port) for name, port in ports.items() if port is not None})


@asynccontextmanager
async def ticket_analysis(settings: Settings) -> AsyncIterator[TicketAnalysis]:
    """The analysis on this machine; where a language model is set, that is asked first."""
    local = LocalAnalysis()
    if settings.analysis_url is None:
        yield local
        return
    endpoint = Endpoint(
        url=str(settings.analysis_url),
        model=settings.analysis_model,
        key=settings.analysis_key,
        seconds=settings.analysis_seconds,
        price_in=settings.analysis_price_in,
        price_out=settings.analysis_price_out,
    )
    model = LlmAnalysis(endpoint, local)
    try:
        yield model
    finally:
        await model.close()
