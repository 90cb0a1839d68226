"""``python -m carbonaware_prefect`` is ``carbonaware-prefect``."""

from __future__ import annotations

import sys

from carbonaware_prefect.cli import main

if __name__ == "__main__":
    sys.exit(main())
