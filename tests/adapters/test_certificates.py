"""Certificates over https: what is fetched, and what is not."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from sqlalchemy import update

from workers.adapters.mock_books import SignerRow
from workers.adapters.mock_certificates import URL, KeptCertificates, MockCertificates
from workers.adapters.mock_world import MockWorld
from workers.adapters.web_certificates import MAX_BYTES, WebCertificates
from workers.ports.certificates import CertificateStore
from workers.runtime.errors import Unavailable

ELSEWHERE = "https://api.paypal.com/v1/notifications/certs/CERT-0"


class Web:
    """Answers one address, and keeps what it was asked."""

    def __init__(self, answer: httpx.Response | httpx.TransportError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if isinstance(self.answer, httpx.TransportError):
            raise self.answer
        return self.answer


def over(web: Web) -> WebCertificates:
    return WebCertificates(httpx.MockTransport(web))


@pytest.mark.parametrize("kind", ["mock", "web"])
async def test_what_lies_at_the_address_is_given_and_else_nothing(kind: str) -> None:
    mock = MockCertificates()
    text = await mock.fetch(URL)
    assert text is not None
    for url, status, expected in ((URL, 200, text), (ELSEWHERE, 404, None)):
        web = over(Web(httpx.Response(status, content=text)))
        store: CertificateStore = mock if kind == "mock" else web
        assert await store.fetch(url) == expected


async def test_a_redirect_is_not_followed() -> None:
    web = Web(httpx.Response(302, headers={"location": "https://evil.example/"}))
    assert await over(web).fetch(URL) is None
    assert web.asked == [URL]


async def test_what_is_too_large_for_a_certificate_is_none() -> None:
    assert await over(Web(httpx.Response(200, content=b"x" * (MAX_BYTES + 1)))).fetch(URL) is None


async def test_what_is_compressed_is_not_unpacked() -> None:
    answer = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"bomb"))
    assert await over(Web(answer)).fetch(URL) is None


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), httpx.ConnectError("no"), httpx.ReadTimeout("no")], ids=repr
)
async def test_who_does_not_answer_is_asked_again_later(answer: httpx.Response | httpx.TransportError) -> None:
    with pytest.raises(Unavailable):
        await over(Web(answer)).fetch(URL)


@pytest.mark.parametrize("store", [MockCertificates(), WebCertificates()], ids=["mock", "web"])
def test_whom_we_trust_is_known(store: CertificateStore) -> None:
    assert store.roots()
    assert all(x509.load_pem_x509_certificates(root) for root in store.roots())


async def test_what_paypal_signs_with_is_the_same_in_every_process(world: MockWorld) -> None:
    one, other = KeptCertificates(world), KeptCertificates(world)
    assert await other.fetch(ELSEWHERE) is None
    first, second = await asyncio.gather(one.fetch(URL), other.fetch(URL))
    assert first is not None
    assert first == second
    assert one.roots() == other.roots()
    assert x509.load_pem_x509_certificates(one.roots()[0])


async def test_what_is_not_valid_any_more_is_made_anew(world: MockWorld) -> None:
    before = await KeptCertificates(world).fetch(URL)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await world.row(update(SignerRow).values(until=past).returning(SignerRow))
    after = await KeptCertificates(world).fetch(URL)
    assert after != before
    assert await KeptCertificates(world).fetch(URL) == after
