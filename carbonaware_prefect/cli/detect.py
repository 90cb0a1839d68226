"""``carbonaware-prefect detect``."""

from __future__ import annotations

from carbonaware_prefect.cli.failing import reported
from carbonaware_prefect.cli.options import AsJson

__all__ = ["detect"]


def detect(*, as_json: AsJson = False) -> None:
    """Show where this process seems to run, what told so, and which place would be used.

    It looks at the environment, the firmware and the cloud metadata services, within
    about a second. What CARBONAWARE_ZONE, or CARBONAWARE_PROVIDER and CARBONAWARE_REGION,
    say comes before all of it. CARBONAWARE_DETECT=0 switches the looking off.
    """
    from carbonaware_prefect.cli.output import out, print_document
    from carbonaware_prefect.cli.reports import detect as detect_report
    from carbonaware_prefect.settings import Settings

    with reported():
        report = detect_report.collect(Settings.read())
        if as_json:
            print_document(detect_report.as_document(report))
        else:
            detect_report.show(report, out())
