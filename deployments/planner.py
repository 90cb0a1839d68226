"""The planner as a flow, for those who would rather have it on a work pool.

The same pass as ``carbonaware-prefect plan``: it moves the scheduled runs of all
deployments with the tag ``carbon-aware`` to their cleanest slots.
"""

from __future__ import annotations

import asyncio

from carbonaware_prefect.planner.flow import plan_flow as plan

__all__ = ["plan"]

if __name__ == "__main__":
    asyncio.run(plan())
