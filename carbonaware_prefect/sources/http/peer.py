"""The far end of an HTTP exchange, and the credential that goes there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

import httpx
from pydantic import SecretStr

from carbonaware_prefect.errors import InvalidSettingError, SourceRefusedError

__all__ = ["Peer", "peer_at", "reveal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The far end of an exchange, as messages name it.

    Attributes:
        title: the source's name in sentences.
        base_url: without a slash at the end.
        host: the host in it, where everybody knows it; None for an address of the
            user's own, which messages don't tell: they reach labels that others read.
        credential_origin: the variable, block or argument that the credential came
            from; None where there is none.
        refusal_hint: what a refusal may mean there, besides a wrong credential.
    """

    title: str
    base_url: str
    host: str | None
    credential_origin: str | None = None
    refusal_hint: str = ""

    @property
    def where(self) -> str:
        """The source and where it was asked, for messages."""
        return f"{self.title} at {self.host or 'the base URL that was set for it'}"


def peer_at(
    base_url: str,
    title: str,
    *,
    public_url: str | None = None,
    credential_origin: str | None = None,
    refusal_hint: str = "",
) -> Peer:
    """The far end of an exchange, with its base URL checked.

    Args:
        base_url: where the API is.
        title: the source's name in sentences.
        public_url: where everybody finds it.
        credential_origin: see `Peer`, as for the next.
        refusal_hint: see `Peer`.

    Raises:
        InvalidSettingError: no http or https URL; a user, query or fragment in it; plain
            http to another machine where a credential would travel with it.
    """
    url: httpx.URL | None
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host:
        msg = f"the base URL of {title} must look like https://host or https://host/path"
        raise InvalidSettingError(msg)
    if url.userinfo or url.query or url.fragment:
        msg = f"the base URL of {title} must hold no user, password, query or fragment"
        raise InvalidSettingError(msg)
    if credential_origin is not None and url.scheme == "http" and not _is_here(url.host):
        msg = (
            f"the base URL of {title} must be https: the credential from "
            f"{credential_origin} would travel in the clear"
        )
        raise InvalidSettingError(msg)
    return Peer(
        title=title,
        base_url=str(url).rstrip("/"),
        host=url.host if base_url == public_url else None,
        credential_origin=credential_origin,
        refusal_hint=refusal_hint,
    )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reveal(secret: SecretStr, peer: Peer) -> str:
    """A credential as it goes into a header.

    Raises:
        SourceRefusedError: there is none, or it holds what no header can carry. (The
            HTTP library would refuse that too, and quote it.)
    """
    value = secret.get_secret_value().strip()
    if not value:
        msg = f"{peer.title} needs a credential: {peer.credential_origin} is empty"
        raise SourceRefusedError(msg)
    if not (value.isascii() and value.isprintable()):
        msg = (
            f"the credential for {peer.title} from {peer.credential_origin} holds "
            "characters that none has (a line break?); copy it again"
        )
        raise SourceRefusedError(msg)
    return value
