"""A headless Chromium that shows pages, and tells what is on them."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.prefect_server.server import free_port
from tests.prefect_server.waiting import eventually

__all__ = ["Browser", "a_browser", "chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Where it is installed."""
    found = (shutil.which(name) for name in _NAMES)
    return next((path for path in found if path), None)


class Browser:
    """One tab, told what to do by the DevTools protocol."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked = 0
        self._script: str | None = None
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command."""
        self._asked += 1
        asked = {"id": self._asked, "method": method, "params": parameters}
        self._connection.send(json.dumps(asked))
        while True:
            told = json.loads(self._connection.recv(timeout=60))
            if told.get("id") == self._asked:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result

    def look(self, *, width: int, scheme: str) -> None:
        """From here on the window is that wide, and the person likes it light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=1400, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def at_each_start(self, script: str) -> None:
        """Before anything else of a page, from here on only this is carried out."""
        if self._script is not None:
            self.call("Page.removeScriptToEvaluateOnNewDocument", identifier=self._script)
        added = self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self._script = added["identifier"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def tell(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def wait_for(self, expression: str, what: str) -> None:
        eventually(lambda: bool(self.tell(expression)), what=what, every=0.2)

    def text(self) -> str:
        """What a person reads."""
        return str(self.tell("document.body ? document.body.innerText : ''"))

    def brightness(self) -> float:
        """Of the letters' opposite: what the page's text stands on, from 0 to 255."""
        color = str(self.tell("getComputedStyle(document.body).color"))
        return 255 - sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 3

    def picture(self, path: Path) -> None:
        """A picture of the page, as a file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def a_browser(folder: Path) -> Iterator[Browser]:
    """A browser of its own, ended with the block."""
    program, port = chromium(), free_port()
    assert program is not None, "no Chromium: install Debian's package chromium"
    arguments = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-extensions",
        "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
        f"--remote-debugging-port={port}", f"--user-data-dir={folder / 'chromium'}",
        "about:blank",
    ]  # fmt: skip
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        with connect(_tab(port), max_size=None, open_timeout=60) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait()


def _tab(port: int) -> str:
    found: list[str] = []

    def there() -> bool:
        try:
            tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", timeout=10).json()
        except httpx.HTTPError:
            return False
        found[:] = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"]
        return bool(found)

    eventually(there, what="Chromium listens", every=0.1)
    return found[0]
