"""The planner's memory: which runs wait elsewhere than at their nominal start, and why.

Kept on the Prefect server, since a planner may live anywhere and die at any moment, and
outside of the runs, since a redeploy deletes those. It is a log. Each write adds one small
document with what is news, as an artifact under the key `KEY`; nobody changes a document
that is there. A reader takes all of them, in one call, and the newest mention of each run
holds. So planners that write at the same time lose nothing of one another, and one that
dies between any two calls leaves either all or nothing of a document.

When there are many documents, or much in them is out of date, somebody writes all that
holds into one more and then deletes those that it stands for. Whoever dies in between
leaves some mentions twice, which does no harm; so do two that do it at once. What was
settled, and where a run was to be put before, is kept for an hour beyond that: a planner
that has read the older documents may still be at work, and may write them out once more.

Why not otherwise? Variables hold 5,000 characters. One artifact that is written over loses
what another planner wrote at the same time. A table with all runs in each version, as
before, grows with every pass. One document for each deployment takes 500 calls to read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import together
from carbonaware_prefect.planner.repair import artifacts
from carbonaware_prefect.planner.repair.documents import Mention, pack, unpack
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.older import read_older
from carbonaware_prefect.planner.upcoming import SAME, StartOwner, Upcoming, moment

__all__ = ["KEEP", "KEY", "Ledger", "read_ledger", "tidy", "write_ledger"]

KEY = "carbon-aware-ledger"
KEEP = timedelta(hours=1)
"""How long a planner may take from reading the ledger to its last write."""
_DESCRIPTION = (
    "The memory of `carbonaware-prefect`, for programs: please leave it as it is. What "
    "people want to know is in the artifact `carbon-aware-runs`."
)
# Of documents, before they are made one; and of mentions that are out of date.
_MANY, _STALE = 16, 1000
# Two clocks are taken for the same until they are so far apart.
_CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was written down.

    Attributes:
        newest: the newest mention of each run, by its id.
        mentions: all there are.
        documents: ids of the artifacts that they are from.
        crashes_until: crashes until then have been looked at; None where nobody has.
    """

    newest: Mapping[str, Mention] = field(default_factory=dict)
    mentions: Sequence[Mention] = ()
    documents: Sequence[str] = ()
    crashes_until: datetime | None = None
    _meant: Mapping[str, Sequence[Entry]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        mentions: Iterable[Mention],
        documents: Sequence[str] = (),
        crashes_until: datetime | None = None,
    ) -> Ledger:
        """The ledger of these mentions, in any order."""
        told = sorted(mentions, key=lambda mention: mention.written)
        meant: dict[str, list[Entry]] = defaultdict(list)
        for mention in told:
            meant[mention.entry.run].append(mention.entry)
        return cls(
            newest={mention.entry.run: mention for mention in told},
            mentions=told,
            documents=documents,
            crashes_until=crashes_until,
            _meant=meant,
        )

    @property
    def waiting(self) -> Mapping[str, Entry]:
        """The runs that wait, by id."""
        return {
            run: mention.entry
            for run, mention in self.newest.items()
            if mention.entry.note is None
        }

    def recognise(self, run: Upcoming) -> Upcoming:
        """The same run, in the planner's hands where a person's turn out to be those.

        Of two planners that decide at once, one may write its labels on a run last and
        the other its state. The labels then tell of another start than the run's, and
        the state is newer than they are, as if a person had set it.
        """
        if run.restored_from is not None and run.id in self.newest:
            # The server knows no schedule of it.
            known = self.newest[run.id].entry
            run = replace(run, schedule=known.schedule, schedule_name=known.origin[0])
        if run.start_owner is not StartOwner.PERSON or run.set_at is None:
            return run
        for entry in self._meant.get(run.id, ()):
            in_time = -_CLOCKS_APART <= run.set_at - entry.moved_at <= KEEP
            if in_time and abs(run.start - entry.start) <= SAME:
                return replace(run, start_owner=StartOwner.UNFINISHED)
        return run

    def news(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of the entries that say something else than what is written down."""
        # What was read from a table of an older version has yet to be written down.
        known = self.newest if self.documents else {}
        return [
            entry
            for entry in entries
            if entry.run not in known or not entry.says_the_same(known[entry.run].entry)
        ]

    def with_news(self, news: Iterable[Entry], now: datetime) -> Ledger:
        """The ledger after these were written down, as another reader finds it."""
        told = {entry.run: Mention(entry, now) for entry in news}
        return replace(
            self, newest={**self.newest, **told}, documents=(*self.documents, "")
        )

    def holding(self, now: datetime) -> list[Mention]:
        """The mentions that somebody may still need."""
        holding: dict[tuple[str, datetime], Mention] = {}
        for mention in self.mentions:
            run, waits = mention.entry.run, mention.entry.note is None
            holds = waits and self.newest[run] is mention
            if holds or now - mention.written < KEEP:
                holding[run, mention.written] = mention
        return list(holding.values())


async def read_ledger(api: Api) -> Ledger:
    """All that is written down; one call, and one more while there is nothing."""
    documents: list[str] = []
    mentions: list[Mention] = []
    until: list[datetime] = []
    for artifact in await artifacts.latest(api, KEY, artifacts.ALL):
        made = moment(artifact["created"])
        if made is None:
            continue
        told, crashes = unpack(artifact.get("data"), made)
        documents.append(artifact["id"])
        mentions += told
        if crashes is not None:
            until.append(crashes)
    if not documents:
        mentions = await read_older(api)
    return Ledger.of(mentions, documents, max(until, default=None))


async def write_ledger(
    api: Api, entries: Sequence[Entry], crashes_until: datetime | None = None
) -> None:
    """One more document; one call.

    Args:
        api: the Prefect API.
        entries: that are news.
        crashes_until: crashes until then have been looked at.
    """
    data = pack([(entry, None) for entry in entries], crashes_until)
    await artifacts.create(api, KEY, _DESCRIPTION, data)


async def tidy(api: Api, ledger: Ledger, now: datetime) -> None:
    """Make one document of many, where it is time for that.

    Args:
        api: the Prefect API.
        ledger: as it was read, so that nothing is deleted that was written since.
        now: the present, by the server's clock.
    """
    waiting = len(ledger.waiting)
    many = len(ledger.documents) > _MANY
    if not many and len(ledger.mentions) - waiting <= max(_STALE, waiting):
        return
    holding = [(each.entry, each.written) for each in ledger.holding(now)]
    if not many and len(holding) > len(ledger.mentions) / 2:
        # Most of it is too young to be left out.
        return
    data = pack(holding, ledger.crashes_until)
    await artifacts.create(api, KEY, _DESCRIPTION, data)
    await together(artifacts.delete(api, each) for each in ledger.documents)
