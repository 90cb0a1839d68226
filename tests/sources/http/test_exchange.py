"""The bounded exchange: what it costs at most, where it goes, what it lets out."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carbonaware_prefect.errors import (
    InvalidSettingError,
    SourceMalformedError,
    SourceRateLimitedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget, ask
from carbonaware_prefect.sources.http.peer import peer_at
from tests.sources.contract.server import Api, Reply, json_reply, serve

QUICK = FetchBudget(
    total=timedelta(seconds=0.4),
    attempt=timedelta(seconds=0.4),
    pause=timedelta(milliseconds=5),
)


def get(url: str, budget: FetchBudget = QUICK) -> object:
    """Ask ``url`` for JSON."""
    return ask(httpx.Request("GET", url), peer=peer_at(url, "Test"), budget=budget)


def test_the_default_budget_is_ten_seconds() -> None:
    """With at most two retries inside it."""
    assert DEFAULT_BUDGET.total == timedelta(seconds=10)
    assert DEFAULT_BUDGET.retries == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"total": timedelta(0)},
        {"attempt": timedelta(seconds=-1)},
        {"retries": 3},
        {"retries": -1},
        {"pause": timedelta(seconds=-1)},
        {"body_bytes": 0},
    ],
    ids=str,
)
def test_limits_that_limit_nothing_are_refused(bad: dict[str, Any]) -> None:
    """No endless retries and no time-out of zero."""
    with pytest.raises(InvalidSettingError, match="budget"):
        FetchBudget(**bad)


def test_retries_share_the_budget(api: Api) -> None:
    """Silence costs the budget once, not once per attempt."""
    api.answer = lambda _: Reply(manner="silence")
    budget = FetchBudget(
        total=timedelta(seconds=0.5),
        attempt=timedelta(seconds=0.4),
        pause=timedelta(milliseconds=5),
    )
    begin = time.perf_counter()
    with pytest.raises(SourceUnreachableError, match=r"within 0\.\d+ s"):
        get(api.url, budget)
    assert time.perf_counter() - begin < 1
    assert 1 <= len(api.asked) <= 3


def test_a_host_name_that_is_never_resolved_costs_no_more_than_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The look-up knows no time-out of its own."""
    done = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        done.wait(5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.perf_counter()
    with pytest.raises(SourceUnreachableError, match="no whole answer"):
        get("https://dead.example")
    assert time.perf_counter() - begin < 2
    done.set()


def test_a_host_name_that_does_not_exist_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message says why, and which host where that is no secret of the user's."""

    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    own, known = r"Test at the base URL .*Name or service", r"Test at no\.example .*Name"
    with pytest.raises(SourceUnreachableError, match=own):
        get("https://no.example")
    peer = peer_at("https://no.example", "Test", public_url="https://no.example")
    with pytest.raises(SourceUnreachableError, match=known):
        ask(httpx.Request("GET", peer.base_url), peer=peer, budget=QUICK)


def test_a_thread_left_behind_ends_soon(api: Api) -> None:
    """Cutting the connection wakes it, though bytes keep coming in."""
    api.answer = lambda _: Reply(manner="drip_headers")
    with pytest.raises(SourceUnreachableError):
        get(api.url)
    ends = time.perf_counter() + 2
    while any(thread.name == "carbon-forecast" for thread in threading.enumerate()):
        assert time.perf_counter() < ends
        time.sleep(0.01)


def test_a_service_that_says_when_to_come_back_is_not_asked_before(api: Api) -> None:
    """A 503 with Retry-After is not retried."""
    api.answer = lambda _: Reply(status=503, headers={"Retry-After": "60"})
    with pytest.raises(SourceUnreachableError):
        get(api.url)
    assert len(api.asked) == 1


def test_a_date_to_come_back_is_counted_from_the_servers_clock(api: Api) -> None:
    """Our own clock may be wrong."""
    api.answer = lambda _: json_reply({}, 429, Retry_After="Wed, 21 Oct 2015 07:28:30 GMT")
    with pytest.raises(SourceRateLimitedError) as caught:
        get(api.url)
    # The server's Date header says today, so that the moment is past.
    assert caught.value.retry_after == 0


def test_a_body_of_exactly_the_limit_is_read(api: Api) -> None:
    """One byte more is not."""
    api.answer = lambda _: json_reply("x" * 98)
    budget = FetchBudget(body_bytes=100)
    assert get(api.url, budget) == "x" * 98
    with pytest.raises(SourceMalformedError, match="99 bytes"):
        get(api.url, FetchBudget(body_bytes=99))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host",
        "host/path",
        "https://",
        "https://user:s3cret@host",
        "https://host/?key=s3cret",
        "https://host/#s3cret",
        "https://[::1",
        "https://host:port/s3cret",
    ],
)
def test_a_base_url_that_cannot_be_is_refused(url: str) -> None:
    """And is not quoted: somebody may have put a password in."""
    with pytest.raises(InvalidSettingError) as caught:
        peer_at(url, "Test")
    assert "s3cret" not in str(caught.value)


def test_a_credential_does_not_travel_in_the_clear() -> None:
    """Plain http is for this machine only, where a credential goes along."""
    with pytest.raises(InvalidSettingError, match="must be https"):
        peer_at("http://example.com", "Test", credential_origin="KEY")
    for url in ("http://localhost:1", "http://127.0.0.1", "http://[::1]:8", "https://a.b"):
        assert peer_at(url, "Test", credential_origin="KEY").base_url == url
    assert peer_at("http://sdk.internal/base/", "Test").base_url == (
        "http://sdk.internal/base"
    )


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_certificate_nobody_vouches_for_is_unreachable(tmp_path: Path) -> None:
    """Verification is on, and there is no switch."""
    context = _self_signed(tmp_path)
    with serve(context) as api:
        api.answer = lambda _: json_reply({})
        with pytest.raises(SourceUnreachableError, match=r"(?i)certificate"):
            get(api.url, FetchBudget(retries=0))
        assert api.asked == []
