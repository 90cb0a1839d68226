"""What a person sees of a waiting run in both UIs of a real server, in a browser.

The pictures are kept among the files of the test run, in the folder ``pictures``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.pages.browser import Browser, a_browser
from tests.prefect_server.server import a_server
from tests.server.planner.occurrences import (
    HOUR,
    a_planned_world,
    in_whole_minutes,
    occur,
)
from tests.server.planner.passes import plan

pytestmark = [pytest.mark.infra, pytest.mark.server]
# It makes a picture, a link, HTML and a row, where it is not escaped.
_NAME = (
    "nightly ![x](y) [a](javascript:b) `c` *d* | e www.f.example \N{RIGHT-TO-LEFT OVERRIDE}"
)
_UIS = {"v1": "", "v2": "/v2"}
_VIEWS = list(product(_UIS, ("light", "dark"), ("1200", "400")))
_PICTURE = (
    "[...document.querySelectorAll('img')].find(i => i.src.startsWith('data:image/svg'))"
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A server with a run that waits, and a browser.

    Attributes:
        url: of the UI.
        run: id of the run.
        name: of the run.
        sentence: why it waits.
        pages: ids of the artifacts, of the deployment and of the pass.
        pictures: where they are kept.
    """

    browser: Browser
    url: str
    run: str
    name: str
    sentence: str
    pages: dict[str, str]
    pictures: Path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One run, moved by a pass."""
    folder = tmp_path_factory.mktemp("ui")
    settings = {"PREFECT_SERVER_UI_ENABLED": "true"}
    with (
        a_server(folder, settings=settings) as server,
        a_planned_world(server, folder) as world,
        a_browser(folder) as browser,
    ):
        slot = in_whole_minutes(server.now() + 6 * HOUR)
        case = occur(world, slot - 2 * HOUR, dips={slot: 100.0}, name=_NAME)
        plan(server)
        (row,) = case.rows()
        found = server.call("POST", "/artifacts/filter", json={})
        pages = {
            "pass" if page["key"] == "carbon-aware-plan" else "deployment": page["id"]
            for page in found
            if page["type"] == "markdown"
        }
        yield Seen(
            browser=browser,
            url=server.api.removesuffix("/api"),
            run=row["id"],
            name=row["name"],
            sentence=row["state"]["message"],
            pages=pages,
            pictures=tmp_path_factory.mktemp("pictures"),
        )


@pytest.fixture(params=_VIEWS, ids=["-".join(each) for each in _VIEWS])
def view(request: pytest.FixtureRequest, seen: Seen) -> tuple[str, str, str]:
    """A UI, light or dark, in a wide or narrow window."""
    ui, scheme, width = request.param
    seen.browser.look(width=int(width), scheme=scheme)
    # Version 1 of the UI is dark unless its own settings say otherwise.
    stored = json.dumps(json.dumps(scheme))
    seen.browser.at_each_start(f"localStorage.setItem('color-scheme', {stored})")
    return ui, scheme, width


def _open(seen: Seen, ui: str, path: str, text: str) -> None:
    seen.browser.open(f"{seen.url}{_UIS[ui]}{path}")
    shown = f"document.body && document.body.innerText.includes({json.dumps(text)})"
    seen.browser.wait_for(shown, f"{path} of {ui} says {text!r}")


def _keep(seen: Seen, page: str, view: tuple[str, str, str]) -> None:
    picture = seen.pictures / f"{'-'.join((page, *view))}.png"
    seen.browser.picture(picture)
    assert picture.stat().st_size > 10_000


def test_the_page_of_the_run(seen: Seen, view: tuple[str, str, str]) -> None:
    """Its log says why it waits, though it has not started."""
    _open(seen, view[0], f"/runs/flow-run/{seen.run}", seen.sentence)
    _keep(seen, "run", view)


def test_the_page_of_the_deployment(seen: Seen, view: tuple[str, str, str]) -> None:
    """Sentence, numbers, and a chart that fits; its name does nothing to the page."""
    _open(seen, view[0], f"/artifacts/artifact/{seen.pages['deployment']}", "Other starts")
    browser = seen.browser
    browser.wait_for(f"{_PICTURE} && {_PICTURE}.complete", "the chart is there")
    text = browser.text()

    for said in (seen.sentence, "Saving: 66.7 %", "Source: file", "Zone: DE"):
        assert said in text
    assert "nightly ![x](y) [a](javascript:b) `c` *d* | e www" in text
    assert browser.tell(f"{_PICTURE}.naturalWidth") == 480
    assert 250 <= browser.tell(f"{_PICTURE}.getBoundingClientRect().width") <= 480
    assert browser.tell(f"{_PICTURE}.getBoundingClientRect().right <= innerWidth")
    assert "nominal start 2026-01-" in browser.tell(f"{_PICTURE}.alt")
    assert browser.tell("document.querySelectorAll('a[href^=javascript]').length") == 0
    assert browser.tell("document.querySelectorAll('img[src=y]').length") == 0
    _keep(seen, "deployment", view)


def test_the_page_of_the_pass(seen: Seen, view: tuple[str, str, str]) -> None:
    """Totals, and a link that leads to the run in the same UI."""
    _open(seen, view[0], f"/artifacts/artifact/{seen.pages['pass']}", seen.name)
    browser = seen.browser
    link = (
        f"[...document.querySelectorAll('a')].find(a => a.innerText == '{seen.name}').href"
    )

    assert "Runs moved" in browser.text()
    assert browser.tell(link) == f"{seen.url}{_UIS[view[0]]}/runs/flow-run/{seen.run}"
    _keep(seen, "pass", view)


@pytest.mark.parametrize("ui", _UIS)
def test_dark_is_dark(seen: Seen, ui: str) -> None:
    """The pictures are of what their names say: dark pages are darker than light ones."""
    sizes = {}
    for scheme in ("light", "dark"):
        seen.browser.look(width=1200, scheme=scheme)
        stored = json.dumps(json.dumps(scheme))
        seen.browser.at_each_start(f"localStorage.setItem('color-scheme', {stored})")
        _open(seen, ui, f"/runs/flow-run/{seen.run}", seen.sentence)
        sizes[scheme] = seen.browser.brightness()

    assert sizes["dark"] < 100 < sizes["light"]
