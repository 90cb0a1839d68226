"""Metadata services of clouds and of what may be mistaken for one, on loopback."""

from __future__ import annotations

import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import ClassVar

from typing_extensions import Self

TOKEN = "AQAEAsecret-token-of-the-fake=="  # noqa: S105 - a fake's
ACCOUNT = "123456789012"

KNOWN = frozenset(
    {
        ("aws", "eu-central-1"),
        ("aws", "us-west-2"),
        ("azure", "westeurope"),
        ("azure", "eastus2"),
        ("gcp", "us-central1"),
        ("gcp", "europe-west1"),
    }
)


def known(provider: str, region: str) -> bool:
    """Whether the region map of these tests holds that region."""
    return (provider, region) in KNOWN


@dataclass(frozen=True)
class Asked:
    """A request that a fake received; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """What a fake answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def text(body: str, **headers: str) -> Told:
    """A plain text answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(body=body.encode(), headers={"Content-Type": "text/plain", **named})


def document(content: object) -> Told:
    """A JSON answer."""
    body = json.dumps(content).encode()
    return Told(body=body, headers={"Content-Type": "application/json; charset=utf-8"})


def status(code: int) -> Told:
    """An error page."""
    return Told(code, b"<html><body>no</body></html>", {"Content-Type": "text/html"})


class Fake(ABC):
    """A local HTTP server that remembers what it was asked; subclasses answer."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.released = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one segment, else the client waits 40 ms

            def handle_any(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers)
                fake.asked.append(asked)
                told = fake.answer(asked)
                self.send_response_only(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                fake.send(self, told.body)

            do_GET = do_PUT = do_CONNECT = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that hangs up is no error here."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def answer(self, asked: Asked) -> Told:
        """What to answer."""

    def send(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Send the body."""
        handler.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Pages(Fake):
    """Answers some paths and 404 to all others, as most lookalikes do."""

    pages: ClassVar[Mapping[str, Told]] = {}

    def answer(self, asked: Asked) -> Told:
        """The page, whatever the method."""
        return self.pages.get(asked.path, status(404))


def identity(**changes: object) -> dict[str, object]:
    """An EC2 instance identity document."""
    return {
        "accountId": ACCOUNT,
        "architecture": "x86_64",
        "availabilityZone": "eu-central-1a",
        "imageId": "ami-5fb8c835",
        "instanceId": "i-1234567890abcdef0",
        "region": "eu-central-1",
        **changes,
    }


class Ec2(Fake):
    """EC2 with IMDSv2 required: 401 to whoever comes without the token."""

    def __init__(self, content: object = None) -> None:
        super().__init__()
        self.content = identity() if content is None else content

    def answer(self, asked: Asked) -> Told:
        """As EC2 does."""
        if asked.path == "/latest/api/token":
            lifetime = asked.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
            if asked.method != "PUT" or not lifetime.isdigit():
                return status(400)
            return text(TOKEN, Server="EC2ws")
        if not self.is_allowed(asked):
            return status(401)
        if asked.path == "/latest/dynamic/instance-identity/document":
            return Told(
                body=json.dumps(self.content).encode(),
                headers={"Content-Type": "text/plain", "Server": "EC2ws"},
            )
        return status(404)

    def is_allowed(self, asked: Asked) -> bool:
        """Whether it came with the token."""
        return asked.headers.get("x-aws-ec2-metadata-token") == TOKEN


class Ec2BehindBridge(Ec2):
    """EC2 seen from a container with hop limit 1: replies to the PUT never arrive."""

    def __init__(self, *, version_1: bool) -> None:
        super().__init__()
        self.version_1 = version_1

    def answer(self, asked: Asked) -> Told:
        """As EC2 does, except for the PUT."""
        if asked.method == "PUT":
            self.released.wait(10)
        return super().answer(asked)

    def is_allowed(self, asked: Asked) -> bool:
        """Whether version 1 is allowed."""
        return self.version_1


class NoTokens(Pages):
    """A service that serves a genuine looking identity document, but knows no tokens."""

    pages: ClassVar = {"/latest/dynamic/instance-identity/document": document(identity())}


class Azure(Fake):
    """Azure's instance metadata service."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.content = {
            "azEnvironment": "AzurePublicCloud",
            "location": "westeurope",
            "provider": "Microsoft.Compute",
            "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
            **changes,
        }

    def answer(self, asked: Asked) -> Told:
        """As Azure does."""
        if asked.headers.get("metadata") != "true" or "x-forwarded-for" in asked.headers:
            return Told(400, b'{"error": "Bad request. Required metadata header"}')
        if not asked.path.startswith("/metadata/instance/compute?api-version="):
            return status(404)
        if asked.method != "GET":
            return status(405)
        return document(self.content)


class Google(Fake):
    """Google's metadata server on a virtual machine, which knows its zone only."""

    leaves: ClassVar[Mapping[str, str]] = {
        "zone": "projects/1234567890/zones/us-central1-a",
    }

    def answer(self, asked: Asked) -> Told:
        """As Google does."""
        if asked.headers.get("metadata-flavor") != "Google":
            return Told(403, b"Missing Metadata-Flavor:Google header.")
        leaf = self.leaves.get(asked.path.removeprefix("/computeMetadata/v1/instance/"))
        if leaf is None:
            return Told(404, b"<html></html>", {"Metadata-Flavor": "Google"})
        return text(leaf, Metadata_Flavor="Google", Server="Metadata Server for VM")


class CloudRun(Google):
    """The same on Cloud Run, where the region is known and the zone is no real one."""

    leaves: ClassVar = {
        "region": "projects/1234567890/regions/europe-west1",
        "zone": "projects/1234567890/zones/europe-west1-1",
    }


class EcsTask(Fake):
    """ECS task metadata, version 4."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.content = {
            "Cluster": "default",
            "TaskARN": f"arn:aws:ecs:us-west-2:{ACCOUNT}:task/default/158d1c8083dd49d6",
            "AvailabilityZone": "us-west-2d",
            "LaunchType": "FARGATE",
            **changes,
        }

    def answer(self, asked: Asked) -> Told:
        """The task, below the path that the container was given."""
        return document(self.content) if asked.path == "/v4/abc/task" else status(404)


class OpenStack(Pages):
    """OpenStack's imitation of EC2: version 1 paths, without tokens."""

    pages: ClassVar = {
        "/latest/meta-data/placement/availability-zone": text("nova"),
        "/latest/meta-data/placement/region": text("eu-central-1"),
        "/latest/meta-data/instance-id": text("i-0000a1b2"),
        "/openstack/latest/meta_data.json": document({"availability_zone": "nova"}),
    }


class Ovh(Pages):
    """OVH: OpenStack with regions of its own."""

    pages: ClassVar = {
        "/latest/meta-data/placement/availability-zone": text("nova"),
        "/openstack/latest/meta_data.json": document(
            {"availability_zone": "nova", "meta": {"region": "GRA11"}}
        ),
    }


class Hetzner(Pages):
    """Hetzner Cloud."""

    pages: ClassVar = {
        "/hetzner/v1/metadata/region": text("eu-central"),
        "/hetzner/v1/metadata/availability-zone": text("fsn1-dc14"),
        "/latest/meta-data/placement/region": text("eu-central"),
    }


class DigitalOcean(Pages):
    """DigitalOcean."""

    pages: ClassVar = {"/metadata/v1/region": text("fra1")}


class Oracle(Pages):
    """Oracle's cloud, with regions that look like Amazon's."""

    pages: ClassVar = {
        "/opc/v2/instance/": document({"region": "eu-frankfurt-1", "regionInfo": {}}),
        "/latest/meta-data/placement/region": text("eu-frankfurt-1"),
    }


class CaptivePortal(Fake):
    """Answers 200 and its login page to everything."""

    def answer(self, asked: Asked) -> Told:
        """Its login page."""
        page = b"<!DOCTYPE html><html><body>us-west-2 Please log in</body></html>"
        return Told(body=page, headers={"Content-Type": "text/html"})


class Parrot(Fake):
    """Answers 200 with one and the same text to everything."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self.told = told

    def answer(self, asked: Asked) -> Told:
        """Always the same."""
        return self.told


class Redirecting(Fake):
    """Sends everyone to another server."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def answer(self, asked: Asked) -> Told:
        """A redirect that keeps the method."""
        return Told(307, headers={"Location": self.target + asked.path})


class Hanging(Fake):
    """Accepts requests and never answers."""

    def answer(self, asked: Asked) -> Told:
        """Nothing, until the test is over."""
        self.released.wait(10)
        return status(503)


class Dripping(Fake):
    """Sends one byte at a time, fast enough for no read to time out, and never ends."""

    def answer(self, asked: Asked) -> Told:
        """A body that will take very long."""
        return Told(body=b" " * 100_000, headers={"Metadata-Flavor": "Google"})

    def send(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Byte by byte."""
        for byte in body:
            if self.released.wait(0.05):
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()


class ImitatedProxy(Ec2):
    """An HTTP proxy that would answer as EC2 does, if anybody asked it."""

    def answer(self, asked: Asked) -> Told:
        """As EC2 does, for absolute URLs too."""
        path = "/" + asked.path.split("/", 3)[-1]
        return super().answer(Asked(asked.method, path, asked.headers))


class NotHttp:
    """Something that answers, but in no HTTP."""

    def __enter__(self) -> str:
        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                self.wfile.write(b"\x00\xffSSH-2.0-nonsense\r\n\r\n")

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class FullBacklog:
    """An address that doesn't react to connections, as where no route leads."""

    def __enter__(self) -> str:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        address = self._listener.getsockname()
        self._waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            self._waiting.append(client)
        return f"http://127.0.0.1:{address[1]}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each in [*self._waiting, self._listener]:
            each.close()


def closed_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
