"""One request per zone, source and publication; and what the cache does with trouble."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import carbonaware_prefect
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceRateLimitedError,
    SourceUnreachableError,
)
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import DescribedSource
from carbonaware_prefect.sources.cache import CachedSource, ForecastCache, cache_in
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from carbonaware_prefect.sources.wiring.live import forget_live, open_live
from tests.apis import HOUR, electricity_maps, energy_charts
from tests.sources.contract.server import Api, Asked, Reply, json_reply, serve

ZONES = ("DE", "FR", "NL", "PL", "SE")
KEY = "key-of-no-account"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server that speaks Energy-Charts, and no proxy on the way to it."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serve() as api:
        api.answer = energy_charts()
        yield api


def asked(hours: float = 6) -> Interval:
    """From now on."""
    now = utc_now()
    return Interval(now, now + hours * HOUR)


class Clock:
    """The present, as far ahead as a test wants."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def a_source(api: Api, folder: Path | None, clock: Clock | None = None) -> CachedSource:
    """Energy-Charts as another process would open it: with a memory of its own."""
    return CachedSource(
        EnergyCharts(base_url=api.url),
        cache=ForecastCache(folder),
        identity=(api.url,),
        now=clock or utc_now,
    )


def test_many_runs_share_one_request(api: Api) -> None:
    """Requests for different windows of one zone make one exchange, cut to each."""
    source = a_source(api, None)
    forecasts = [source.fetch("DE", asked(hours)) for hours in (1, 2, 6)]

    assert len(api.asked) == 1
    assert [len(forecast) for forecast in forecasts] != [6, 6, 6]
    for hours, forecast in zip((1, 2, 6), forecasts, strict=True):
        assert forecast.end - forecast.start == hours * HOUR


WORK = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tests.sources.test_cache import ask
url, folder = sys.argv[1:]
with ThreadPoolExecutor(25) as pool:
    print(sum(pool.map(lambda i: ask(url, folder, i), range(25))))
"""


def ask(url: str, folder: str, i: int) -> bool:
    """One of the many that ask at once; runs in a process of its own, too."""
    settings = Settings(
        electricity_maps_key=SecretStr(KEY), electricity_maps_url=url, cache_dir=folder
    )
    forecast = open_live("electricity_maps", settings).fetch(ZONES[i % 5], asked())
    return forecast.zone == ZONES[i % 5]


@pytest.mark.parametrize("folder", ["shared", ""])
def test_a_hundred_threads_make_one_request_per_zone(
    api: Api, tmp_path: Path, folder: str
) -> None:
    """100 concurrent requests for 5 zones make 5 exchanges, with and without files."""
    api.answer = electricity_maps()
    where = str(tmp_path / folder) if folder else ""
    cache_in.cache_clear()
    forget_live()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda i: ask(api.url, where, i), range(100)))

    assert all(answers)
    assert len(api.asked) == 5


def test_four_processes_make_one_request_per_zone(api: Api, tmp_path: Path) -> None:
    """100 concurrent requests from 4 processes make 5 exchanges."""
    api.answer = electricity_maps()
    root = str(Path(carbonaware_prefect.__file__).parents[1])
    environment = {"PYTHONPATH": root, "NO_PROXY": "*", "HOME": str(tmp_path)}
    arguments = [sys.executable, "-c", WORK, api.url, str(tmp_path / "shared")]
    children = [
        subprocess.Popen(
            arguments, env=environment, cwd=root, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]

    assert [child.communicate(timeout=120)[0].strip() for child in children] == ["25"] * 4
    assert len(api.asked) == 5


def test_no_secret_is_written(api: Api, tmp_path: Path) -> None:
    """Neither the names nor the contents of the files hold a credential."""
    api.answer = electricity_maps()
    assert ask(api.url, str(tmp_path / "c"), 0)
    files = list((tmp_path / "c").iterdir())

    assert files
    for file in files:
        assert KEY not in file.name + file.read_text()
    assert (tmp_path / "c").stat().st_mode & 0o077 == 0


def test_two_keys_share_no_answer(api: Api, tmp_path: Path) -> None:
    """Plans differ, so what one key was told is not for another."""
    api.answer = electricity_maps()
    for key in ("one", "two", "one"):
        settings = Settings(
            electricity_maps_key=SecretStr(key),
            electricity_maps_url=api.url,
            cache_dir=str(tmp_path),
        )
        open_live("electricity_maps", settings).fetch("DE", asked())

    assert len(api.asked) == 2


def test_an_answer_serves_the_next_process(api: Api, tmp_path: Path) -> None:
    """What one process was told, the next one reads, the same to the last digit."""
    interval = asked()
    first = a_source(api, tmp_path).fetch("DE", interval)
    second = a_source(api, tmp_path).fetch("DE", interval)

    assert first == second
    assert len(api.asked) == 1


def test_an_old_answer_is_asked_anew(api: Api, tmp_path: Path) -> None:
    """An answer serves for the source's age limit and no longer."""
    clock = Clock()
    source = a_source(api, tmp_path, clock)
    limit = source.info.max_age
    source.fetch("DE", asked())
    clock.ahead = limit - timedelta(seconds=30)
    source.fetch("DE", asked())
    assert len(api.asked) == 1
    clock.ahead = limit + timedelta(seconds=1)
    source.fetch("DE", asked())

    assert len(api.asked) == 2


def test_an_answer_from_the_future_is_not_believed(api: Api, tmp_path: Path) -> None:
    """After a clock was set back, an answer does not serve until it is caught up."""
    clock = Clock()
    clock.ahead = timedelta(minutes=10)
    a_source(api, tmp_path, clock).fetch("DE", asked())
    a_source(api, tmp_path).fetch("DE", asked())

    assert len(api.asked) == 2


def test_an_earlier_question_is_asked_anew(api: Api) -> None:
    """An answer that begins after what is asked does not serve it."""
    source = a_source(api, None)
    source.fetch("DE", asked())
    now = utc_now()
    with pytest.raises(NoForecastError):
        source.fetch("DE", Interval(now - 30 * HOUR, now - 28 * HOUR))

    assert len(api.asked) == 2


def test_beyond_the_horizon_there_is_no_forecast(api: Api) -> None:
    """What lies behind the end of the answer is not known, and it says what is."""
    later = utc_now() + 60 * HOUR
    source = a_source(api, None)
    with pytest.raises(NoForecastError, match="what it knows covers"):
        source.fetch("DE", Interval(later, later + HOUR))


def test_failures_are_remembered_for_seconds(api: Api, tmp_path: Path) -> None:
    """A dead source is asked once by all, and again after a quarter of a minute."""
    clock = Clock()
    api.answer = lambda _: Reply(status=500)
    for _ in range(3):
        with pytest.raises(SourceUnreachableError):
            a_source(api, tmp_path, clock).fetch("DE", asked())
    attempts = len(api.asked)
    assert attempts <= 3
    clock.ahead = timedelta(seconds=16)
    api.answer = energy_charts()

    assert a_source(api, tmp_path, clock).fetch("DE", asked())
    assert len(api.asked) == attempts + 1


def test_a_request_to_wait_is_kept(api: Api, tmp_path: Path) -> None:
    """A source that asks to wait is left alone for that long, up to a minute."""
    clock = Clock()
    api.answer = lambda _: json_reply({}, status=429, Retry_After="40")
    for ahead, count in ((0, 1), (30, 1), (41, 2)):
        clock.ahead = timedelta(seconds=ahead)
        with pytest.raises(SourceRateLimitedError) as caught:
            a_source(api, tmp_path, clock).fetch("DE", asked())
        assert caught.value.retry_after == 40
        assert len(api.asked) == count


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"format": 99}', b"{}" * 10,
        b'{"format": 1, "fetched_at": 1e999, "begin": 0, "error": ["os.system", "x", 1]}',
        b'{"format": 1, "fetched_at": 1, "begin": 0, "pieces": [[0, 1, null]]}',
    ],
)  # fmt: skip
def test_a_corrupt_file_is_discarded(api: Api, tmp_path: Path, content: bytes) -> None:
    """A file that makes no sense is replaced, whatever is in it."""
    a_source(api, tmp_path).fetch("DE", asked())
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(content)
    a_source(api, tmp_path).fetch("DE", asked())
    assert len(api.asked) == 2
    a_source(api, tmp_path).fetch("DE", asked())

    assert len(api.asked) == 2
    assert json.loads(file.read_text())["zone"] == "DE"


def test_a_file_of_another_zone_is_discarded(api: Api, tmp_path: Path) -> None:
    """A file that was moved does not answer for a zone that it is not about."""
    a_source(api, tmp_path).fetch("DE", asked())
    (german,) = tmp_path.glob("*.json")
    content = german.read_text()
    a_source(api, tmp_path).fetch("FR", asked())
    (french,) = set(tmp_path.glob("*.json")) - {german}
    french.write_text(content)

    assert a_source(api, tmp_path).fetch("FR", asked()).zone == "FR"
    assert len(api.asked) == 3


@pytest.mark.parametrize("where", ["/proc/nowhere/cache", "/dev/null/cache", "file"])
def test_a_folder_that_cannot_be_written_leaves_the_memory(
    api: Api, tmp_path: Path, where: str
) -> None:
    """On a read-only or missing home each process still asks only once."""
    if where == "file":
        (tmp_path / "file").touch()
        where = str(tmp_path / "file")
    source = a_source(api, Path(where))
    for _ in range(3):
        source.fetch("DE", asked())

    assert len(api.asked) == 1


def test_old_files_are_cleared_away(api: Api, tmp_path: Path) -> None:
    """What nobody renewed for days is gone, so that the folder does not grow."""
    import os

    stale = tmp_path / "stale.json"
    stale.touch()
    os.utime(stale, (0, 0))
    a_source(api, tmp_path).fetch("DE", asked())
    ForecastCache(tmp_path)

    assert not stale.exists()
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_holder_that_hangs_is_not_waited_for_long(api: Api, tmp_path: Path) -> None:
    """Another process that holds the lock and hangs costs a bounded wait."""
    from filelock import FileLock

    a_source(api, tmp_path).fetch("DE", asked())
    (file,) = tmp_path.glob("*.json")
    file.unlink()
    held = FileLock(file.with_suffix(".lock"))
    with held:
        cache = ForecastCache(tmp_path, patience=0.2)
        source = CachedSource(
            EnergyCharts(base_url=api.url), cache=cache, identity=(api.url,), now=utc_now
        )
        found: list[Forecast] = []
        thread = threading.Thread(
            target=lambda: found.append(source.fetch("DE", asked())), daemon=True
        )
        thread.start()
        thread.join(5)

    assert found


def test_a_cached_source_describes_itself(api: Api) -> None:
    """Behind the cache a source keeps its name, signal and credits."""
    source = a_source(api, None)

    assert isinstance(source, DescribedSource)
    assert (source.name, source.signal) == ("energy_charts", "average")
    assert source.info.licence == "CC BY 4.0"
    with pytest.raises(NoForecastError, match="needs a zone"):
        source.fetch(None, asked())


def test_a_question_from_any_hour_is_widened(api: Api) -> None:
    """The cache asks from the full hour on, as many runs do."""
    seen: list[Asked] = []
    plain = energy_charts()

    def answer(question: Asked) -> Reply:
        seen.append(question)
        return plain(question)

    api.answer = answer
    forecast = a_source(api, None).fetch("DE", asked(100))

    assert len(seen) == 1
    assert forecast.end > utc_now() + 40 * HOUR
