"""What the documents say exists: commands, links, tests, names, formats."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from carbonaware_prefect import errors
from carbonaware_prefect.clouds.places import regions
from carbonaware_prefect.core import Reason
from carbonaware_prefect.settings import Settings, parse_duration
from carbonaware_prefect.sources.file.parsing import parse
from carbonaware_prefect.sources.typical import known_zones
from carbonaware_prefect.sources.wiring.saved import answer_reader
from tests.docs.documents import DOCUMENTS, ROOT, Block, blocks, commands, text_of
from tests.prefect_server.process import clean_environment
from tests.warm import python

_KINDS = ("added", "changed", "fixed", "removed")
# The others are parts of base job templates; tests/pools checks them.
_FORECASTS = [
    block for block in blocks("csv", "json") if "job_configuration" not in block.text
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of its own for Prefect's commands."""
    return str(tmp_path_factory.mktemp("home"))


@lru_cache
def _help(home: str, *words: str) -> str:
    """The help text of a command; an assertion error when there is none."""
    done = subprocess.run(
        [python(), *words, "--help"],
        cwd=ROOT,
        env=clean_environment() | {"PREFECT_HOME": home, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_command_exists(home: str, command: list[str]) -> None:
    """Each command of a console block is a target, program or subcommand that exists."""
    options = [word for word in command if word.startswith("--")]
    words = [word for word in command if not word.startswith("--")]
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", text_of("Makefile"), re.MULTILINE)
    elif words[:2] == ["pip", "install"]:
        known = text_of("pyproject.toml")
        for word in words[2:]:
            name, _, extra = word.rstrip("]").partition("[")
            assert f'name = "{name}"' in known or f'"{name}>=' in known
            assert not extra or f"\n{extra} = [" in known
    elif words[:2] == ["python", "-m"]:
        assert _help(home, *words[1:3])
    elif words[0] == "carbonaware-prefect":
        depth = 3 if words[1] in {"planner", "typical"} else 2
        said = _help(home, "-m", "carbonaware_prefect", *words[1:depth])
        assert all(option in said for option in options)
    else:
        assert words[0] == "prefect"
        said = _help(home, "-m", *words[: 2 if words[1] == "deploy" else 3])
        for option in set(options) - {"--no-prompt"}:
            assert option in said


@pytest.mark.parametrize("block", _FORECASTS, ids=lambda block: block.where)
def test_forecast_formats_are_read(block: Block) -> None:
    """Each example of a forecast file is one."""
    forecast = parse(
        block.text,
        name=block.where,
        zone="DE",
        time_zone=ZoneInfo("Europe/Berlin"),
        read_answer=answer_reader(signal="average", locations=None),
    ).forecast

    assert forecast.end - forecast.start == timedelta(hours=2)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.where)
def test_yaml_is_read(block: Block) -> None:
    """Each YAML block is valid."""
    assert YAML(typ="safe").load(block.text)


def test_every_block_is_checked() -> None:
    """No document has a block in a language that no test knows."""
    known = blocks("python", "console", "yaml", "json", "csv", "text", "dockerfile")
    fences = sum(
        path.read_text(encoding="utf-8").count("\n```\n")
        + path.read_text(encoding="utf-8").endswith("\n```")
        for path in DOCUMENTS
    )

    assert len(known) == fences


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each link between documents leads to a file, and to a heading where it names one."""
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.is_file(), target
        assert not anchor or anchor in _anchors(linked), target


def test_readme_links_every_document() -> None:
    """Each document of docs/ can be reached from the README."""
    names = {path.name for path in (ROOT / "docs").glob("*.md")}

    assert names == set(re.findall(r"\(docs/([\w.-]+\.md)\)", text_of("README.md")))


def test_named_tests_exist() -> None:
    """Each test that a document names as its evidence is there."""
    named = [
        found
        for path in DOCUMENTS
        for found in re.findall(
            r"`(tests/[\w/]+\.py)(?:::(\w+))?`", path.read_text(encoding="utf-8")
        )
    ]

    assert named
    for file, test in named:
        assert f"def {test}" in text_of(file)


def test_error_tree_is_the_code_s() -> None:
    """The reference shows the error tree that the module draws."""
    drawn = (errors.__doc__ or "").split("\n\n")[1]
    tree = "\n".join(line.removeprefix("    ") for line in drawn.splitlines())

    assert tree in text_of("docs/reference.md")


def test_reasons_are_the_code_s() -> None:
    """The reference lists every reason and no other."""
    table = text_of("docs/reference.md").split("| reason | meaning |")[1].split("\n\n")[0]

    assert {reason.value for reason in Reason} == set(
        re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    )


def test_settings_are_the_code_s() -> None:
    """The settings page lists every variable, the README no other."""
    known = {f"CARBONAWARE_{name.upper()}" for name in Settings.model_fields}
    listed = re.findall(
        r"^\| `(CARBONAWARE_\w+)`", text_of("docs/settings.md"), re.MULTILINE
    )

    assert known == set(listed)
    assert known >= set(re.findall(r"CARBONAWARE_[A-Z_]*[A-Z]", text_of("README.md")))


def test_durations_of_the_settings_page_are_read() -> None:
    """Each duration that the settings page gives as an example is one."""
    section = text_of("docs/settings.md").split("## Durations")[1].split("##")[0]
    examples = re.findall(r"`(\w+)`", section)

    assert len(examples) > 5
    for example in examples:
        assert parse_duration(example) > timedelta(0)


def test_the_readme_counts_the_regions_that_decide_offline() -> None:
    """As many cloud regions have typical days as the README says."""
    known = {*known_zones()}
    every = regions()
    decide = sum(region.zone in known for region in every)

    assert f"{decide} of {len(every)} cloud regions decide by it" in text_of("README.md")


def test_numbers_have_their_place() -> None:
    """The README keeps the marks between which the benchmarks' table stands."""
    said = text_of("README.md")

    assert said.index("<!-- numbers:begin -->") < said.index("<!-- numbers:end -->")


def test_changelog_fragments_have_names_of_their_kind() -> None:
    """Each changelog fragment is named NNN.kind.md."""
    names = {path.name for path in (ROOT / "docs" / "changelog.d").iterdir()}

    for name in names - {"README.md", "template.jinja"}:
        assert re.fullmatch(rf"\d+(-\w+)?\.({'|'.join(_KINDS)})\.md", name)


@pytest.mark.parametrize("name", ["NOTICE", "prefect.yaml", "README.md"])
def test_no_machine_path(name: str) -> None:
    """No file that users copy from holds a path of somebody's machine."""
    assert not re.search(r"/(home|Users|root|work|tmp)/", text_of(name))
