"""The hooks of pre-commit run the gates of `make lint`, all of them and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


def test_hooks_are_the_gates() -> None:
    """A gate that is added to the Makefile is not forgotten here."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (gates,) = re.findall(r"^GATES := (.+)$", makefile, re.MULTILINE)
    (repo,) = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"]: hook["entry"] for hook in repo["hooks"]}

    assert hooks == {gate: f"make {gate}" for gate in gates.split()}
    assert repo["repo"] == "local", "pre-commit would fetch any other"
