"""How each cloud's metadata service proves where it is.

Pure: each ``ask_…`` is a conversation, a generator that yields requests, is sent the
replies and returns a `Probe`. Sending is done in `carbonaware_prefect.clouds.metadata`.

Several clouds imitate Amazon's service on the same address, and a captive portal answers
200 to anything. So each proof takes a token, a header or a document that only that cloud
gives; a status of 200 is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from carbonaware_prefect.clouds.environment import azure_region
from carbonaware_prefect.clouds.findings import AWS, AZURE, GCP, Outcome, Probe, Step

__all__ = [
    "Answer",
    "Conversation",
    "Reply",
    "Request",
    "Silence",
    "ask_aws",
    "ask_azure",
    "ask_ecs",
    "ask_gcp",
]

_OK = 200
_NEEDS_TOKEN = 401
_NO_TOKENS_HERE = frozenset({403, 404, 405})

_ACCOUNT = re.compile(r"[0-9]{12}")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_AWS_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}")
_AWS_TASK = re.compile(rf"arn:aws[a-z-]*:ecs:({_AWS_REGION.pattern}):[0-9]{{12}}:task/.+")
_AWS_AZ = re.compile(r"[a-z0-9-]{1,48}")
_TOKEN = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,1024}")  # a header value, no HTML
_GCP_REGION = re.compile(r"projects/[^/\s]+/regions/([a-z]+-[a-z]+[0-9]+)")
_GCP_ZONE = re.compile(r"projects/[^/\s]+/zones/([a-z]+-[a-z]+[0-9]+)-[a-z0-9]+")

# Azure Stack answers too, from its owner's cellar: AzureStack is not among them.
_AZURE_CLOUDS = frozenset(
    {"azurepubliccloud", "azureusgovernmentcloud", "azurechinacloud", "azuregermancloud"}
)
# The newest version whose document holds no user data, which may contain secrets.
_AZURE_VERSION = "2020-09-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send to a metadata service."""

    method: str = "GET"
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a metadata service answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Silence(Enum):
    """Why there is no answer."""

    NOBODY = "nothing listens there"
    UNREACHED = "no connection in the time allowed"
    UNANSWERED = "connected, but no answer in the time allowed"
    GARBLED = "the answer was no HTTP"
    TOO_LARGE = "the answer was larger than any metadata"


Reply = Answer | Silence
Conversation = Generator[Request, Reply, Probe]

_OUTCOMES = {
    Silence.NOBODY: Outcome.ABSENT,
    Silence.UNREACHED: Outcome.SILENT,
    Silence.UNANSWERED: Outcome.SILENT,
    Silence.GARBLED: Outcome.UNPROVEN,
    Silence.TOO_LARGE: Outcome.UNPROVEN,
}


def ask_aws(*, on_ec2: bool = False) -> Conversation:
    """Ask for an IMDSv2 token, then with it for the instance identity document.

    EC2 knows tokens everywhere, but the reply to the PUT does not reach a container when
    the hop limit is 1, and some proxies refuse the PUT. The document without a token
    counts only when the hardware is EC2's (``on_ec2``) or the answer carries EC2's own
    ``Server`` header, and it names an instance.
    """
    reply = yield Request(
        method="PUT",
        path="/latest/api/token",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
    )
    headers = {}
    token_withheld = reply is Silence.UNANSWERED
    if isinstance(reply, Answer) and reply.status == _OK:
        token = _text(reply)
        if not _TOKEN.fullmatch(token):
            return _unproven(AWS, "answered the token request with something else")
        headers["X-aws-ec2-metadata-token"] = token
    elif not _may_lack_tokens(reply):
        return _no_proof(AWS, reply, "the token request")
    reply = yield Request(
        path="/latest/dynamic/instance-identity/document", headers=headers
    )
    if not isinstance(reply, Answer) or reply.status != _OK:
        if token_withheld and isinstance(reply, Answer) and reply.status == _NEEDS_TOKEN:
            return _unproven(AWS, "wants a token, and gives none: is its hop limit 1?")
        return _no_proof(AWS, reply, "the identity document")
    return _judge_identity(reply, by_token=bool(headers), on_ec2=on_ec2)


def _judge_identity(answer: Answer, *, by_token: bool, on_ec2: bool) -> Probe:
    document = _json(answer)
    region, zone = _text_of(document, "region"), _text_of(document, "availabilityZone")
    if (
        not _ACCOUNT.fullmatch(_text_of(document, "accountId"))
        or not _AWS_REGION.fullmatch(region)
        or (zone and not zone.startswith(region))
    ):
        return _unproven(AWS, "the identity document is not one of EC2's")
    if not by_token:
        genuine = on_ec2 or answer.headers.get("server") == "EC2ws"
        if not genuine or not _INSTANCE.fullmatch(_text_of(document, "instanceId")):
            return _unproven(AWS, "gives no token, and its document alone is no proof")
    version = "IMDSv2" if by_token else "IMDSv1"
    return _found(AWS, f"EC2 instance identity document by {version}{_in(zone)}", region)


def ask_ecs() -> Conversation:
    """Ask for the task's metadata, below the version 4 URL that ECS gave the container."""
    reply = yield Request(path="/task")
    if not isinstance(reply, Answer) or reply.status != _OK:
        return _no_proof(AWS, reply, "the task metadata", _TASK_METADATA)
    document = _json(reply)
    task = _AWS_TASK.fullmatch(_text_of(document, "TaskARN"))
    zone = _text_of(document, "AvailabilityZone")
    if task is None or (zone and not zone.startswith(task[1])):
        return _unproven(AWS, "the document is no ECS task's", _TASK_METADATA)
    if _text_of(document, "LaunchType").upper() == "EXTERNAL":
        # ECS Anywhere: the region is the cluster's, the machine stands elsewhere.
        return _unproven(AWS, "the task runs outside AWS", _TASK_METADATA)
    detail = f"TaskARN in the ECS task metadata{_in(zone)}"
    return _found(AWS, detail, task[1], _TASK_METADATA)


def ask_azure() -> Conversation:
    """Ask for the instance's compute document, which names the Azure cloud it is in."""
    reply = yield Request(
        path=f"/metadata/instance/compute?api-version={_AZURE_VERSION}",
        headers={"Metadata": "true"},
    )
    if not isinstance(reply, Answer) or reply.status != _OK:
        return _no_proof(AZURE, reply, "the instance document")
    document = _json(reply)
    region = azure_region(_text_of(document, "location"))
    is_json = reply.headers.get("content-type", "").lower().startswith("application/json")
    cloud = _text_of(document, "azEnvironment").lower()
    if not is_json or cloud not in _AZURE_CLOUDS or region is None:
        return _unproven(AZURE, "the instance document is not one of Azure's")
    return _found(AZURE, "Azure instance document with azEnvironment", region)


def ask_gcp() -> Conversation:
    """Ask for the region, which serverless platforms know, else for the zone."""
    asked: tuple[tuple[str, re.Pattern[str]], ...] = (
        ("region", _GCP_REGION),
        ("zone", _GCP_ZONE),
    )
    for leaf, grammar in asked:
        reply = yield Request(
            path=f"/computeMetadata/v1/instance/{leaf}",
            headers={"Metadata-Flavor": "Google"},
        )
        if not isinstance(reply, Answer):
            return _no_proof(GCP, reply, f"the {leaf}")
        if reply.headers.get("metadata-flavor") != "Google":
            return _unproven(GCP, "answered without the header Metadata-Flavor: Google")
        match = grammar.fullmatch(_text(reply)) if reply.status == _OK else None
        if match is not None:
            return _found(GCP, f"Google metadata, instance/{leaf}", match[1])
    return _unproven(GCP, "told neither its region nor its zone")


def _may_lack_tokens(reply: Reply) -> bool:
    if isinstance(reply, Answer):
        return reply.status in _NO_TOKENS_HERE
    return reply is Silence.UNANSWERED


def _text(answer: Answer) -> str:
    return answer.body.decode("ascii", errors="replace").strip()


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text_of(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _in(zone: str) -> str:
    return f" (availability zone {zone})" if _AWS_AZ.fullmatch(zone) else ""


_TASK_METADATA = "ECS task metadata"
_SERVICES = {AWS: "EC2 metadata", AZURE: "Azure metadata", GCP: "Google metadata"}


def _no_proof(provider: str, reply: Reply, what: str, asked: str = "") -> Probe:
    if isinstance(reply, Answer):
        return _unproven(provider, f"answered {reply.status} to {what}", asked)
    return _probe(provider, _OUTCOMES[reply], reply.value, asked=asked)


def _unproven(provider: str, detail: str, asked: str = "") -> Probe:
    return _probe(provider, Outcome.UNPROVEN, detail, asked=asked)


def _found(provider: str, detail: str, region: str, asked: str = "") -> Probe:
    return _probe(provider, Outcome.FOUND, detail, asked=asked, region=region)


def _probe(
    provider: str, outcome: Outcome, detail: str, *, asked: str, region: str | None = None
) -> Probe:
    return Probe(
        step=Step.METADATA,
        asked=asked or _SERVICES[provider],
        outcome=outcome,
        detail=detail,
        provider=provider,
        region=region,
    )
