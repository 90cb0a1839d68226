"""The documents of the project, and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, its language and its text."""

    where: str
    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The name in the block's first line, ``# NAME``, if there is one."""
        found = re.match(r"# ([\w.-]+\.\w+|Dockerfile)\n", self.text)
        return found and found.group(1)


def text_of(path: str) -> str:
    """A file of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(*languages: str) -> list[Block]:
    """All blocks in these languages, in order of document and place."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            where = f"{path.relative_to(ROOT)}:{line}"
            found.append(Block(where, match.group(1), match.group(2)))
    return [block for block in found if block.language in languages]


def commands() -> list[list[str]]:
    """Every command that a console block types, once, in words."""
    lines = {
        line.removeprefix("$ "): None
        for block in blocks("console")
        for line in block.text.splitlines()
        if line.startswith("$ ")
    }
    return [shlex.split(line) for line in lines]
