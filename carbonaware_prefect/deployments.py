"""The name that `deploy_step` had; each ``prefect.yaml`` that says it goes on working."""

from __future__ import annotations

import sys

from carbonaware_prefect.deploy_step import steps

__all__ = ["steps"]

# A step is found by importing ``carbonaware_prefect.deployments.steps``, and the import
# system looks here after it has run this module.
sys.modules[f"{__name__}.steps"] = steps
