"""What the firmware says."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbonaware_prefect.clouds.dmi import read_fields, recognise


@pytest.mark.parametrize(
    ("fields", "cloud"),
    [
        ({"sys_vendor": "Amazon EC2", "product_name": "m5.large"}, "aws"),
        ({"sys_vendor": "Xen", "bios_version": "4.11.amazon"}, "aws"),
        ({"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "azure"),
        ({"product_name": "Google Compute Engine"}, "gcp"),
        ({"product_name": "OpenStack Nova"}, "openstack"),
        ({"chassis_asset_tag": "OracleCloud.com"}, "oracle"),
        ({"sys_vendor": "DigitalOcean"}, "digitalocean"),
        ({"sys_vendor": "Hetzner"}, "hetzner"),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, None),
        ({"sys_vendor": "Google", "product_name": "Eve"}, None),
        ({"sys_vendor": "Xen", "bios_version": "4.11"}, None),
        ({"sys_vendor": "Dell Inc."}, None),
        ({}, None),
    ],
)
def test_firmware_names_its_cloud(fields: dict[str, str], cloud: str | None) -> None:
    """Clouds are told apart, and machines that are in none."""
    (probe,) = recognise(fields)
    assert probe.provider == cloud
    assert probe.region is None


def test_firmware_that_names_two_clouds_says_so() -> None:
    """Both are reported; together they are a contradiction."""
    fields = {"sys_vendor": "Amazon EC2", "product_name": "OpenStack Nova"}
    assert [probe.provider for probe in recognise(fields)] == ["aws", "openstack"]


def test_fields_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """No DMI, a folder in place of a file, strange bytes: never an error."""
    assert read_fields(tmp_path / "nowhere") == {}
    (tmp_path / "sys_vendor").mkdir()
    (tmp_path / "product_name").write_bytes(b"\xff" * 10_000)
    (tmp_path / "board_vendor").write_text("Amazon EC2\n")
    fields = read_fields(tmp_path)
    assert fields["board_vendor"] == "Amazon EC2"
    assert len(fields["product_name"]) == 256
    assert "sys_vendor" not in fields
