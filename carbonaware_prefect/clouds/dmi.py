"""What the firmware says about the machine (DMI, as Linux shows it under /sys).

The names of vendors are those that cloud-init's ds-identify looks for. A machine that
names another cloud is never asked for AWS, Azure or Google metadata: some of those
clouds imitate Amazon's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from carbonaware_prefect.clouds.findings import AWS, AZURE, GCP, Outcome, Probe, Step

__all__ = ["DMI_ROOT", "read_fields", "recognise"]

DMI_ROOT = Path("/sys/class/dmi/id")

_LONGEST = 256

_SIGNS: tuple[tuple[str, str, str], ...] = (
    ("sys_vendor", r"Amazon EC2", AWS),
    ("board_vendor", r"Amazon EC2", AWS),
    # Instances on Xen have vendor "Xen" and a BIOS version such as 4.11.amazon.
    ("bios_version", r".*\.amazon", AWS),
    # Hyper-V elsewhere has Microsoft as vendor too, but not this tag.
    ("chassis_asset_tag", r"7783-7084-3265-9085-8269-3286-77", AZURE),
    # A Chromebook has vendor Google too, but another product.
    ("product_name", r"Google Compute Engine|Google", GCP),
    ("product_name", r"OpenStack (Nova|Compute)", "openstack"),
    (
        "chassis_asset_tag",
        r"OpenStack (Nova|Compute)|OpenTelekomCloud|SAP CCloud VM|HUAWEICLOUD",
        "openstack",
    ),
    ("chassis_asset_tag", r"OracleCloud\.com", "oracle"),
    ("sys_vendor", r"DigitalOcean", "digitalocean"),
    ("sys_vendor", r"Hetzner", "hetzner"),
    ("sys_vendor", r"Vultr", "vultr"),
    ("sys_vendor", r"Scaleway", "scaleway"),
    ("sys_vendor", r"UpCloud", "upcloud"),
    ("sys_vendor", r"Akamai|Linode", "akamai"),
    ("sys_vendor", r"Alibaba Cloud", "alibaba"),
    ("sys_vendor", r"3DS Outscale", "outscale"),
    ("sys_vendor", r"e24cloud", "e24cloud"),
    ("product_name", r"Exoscale", "exoscale"),
    ("product_name", r"CloudStack KVM Hypervisor", "cloudstack"),
    ("chassis_asset_tag", r".*\.zstack\.io", "zstack"),
)

_FIELDS = tuple(dict.fromkeys(field for field, _, _ in _SIGNS))


def read_fields(root: Path = DMI_ROOT) -> dict[str, str]:
    """The DMI fields below ``root`` that can be read; none where there is no DMI."""
    fields = {}
    for field in _FIELDS:
        try:
            with (root / field).open("rb") as file:
                text = file.read(_LONGEST)
        except OSError:
            continue
        fields[field] = text.decode("ascii", errors="replace").strip()
    return fields


def recognise(fields: Mapping[str, str]) -> list[Probe]:
    """One probe for each cloud that the fields name, else one that says none did."""
    clouds: dict[str, str] = {}
    for field, pattern, cloud in _SIGNS:
        if re.fullmatch(pattern, fields.get(field, ""), re.IGNORECASE):
            clouds.setdefault(cloud, field)
    if not clouds:
        detail = "names no cloud that we know" if fields else "cannot be read here"
        return [_probe(Outcome.ABSENT, f"the firmware {detail}", None)]
    return [
        _probe(Outcome.FOUND, f"{field} names {cloud}", cloud)
        for cloud, field in clouds.items()
    ]


def _probe(outcome: Outcome, detail: str, provider: str | None) -> Probe:
    return Probe(
        step=Step.HARDWARE,
        asked="DMI fields",
        outcome=outcome,
        detail=detail,
        provider=provider,
    )
