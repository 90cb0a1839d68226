"""What variables say: platforms' own markers count, a client's settings don't."""

from __future__ import annotations

import pytest

from carbonaware_prefect.clouds.environment import (
    fallback_clues,
    local_url,
    metadata_url,
    read_clues,
)
from carbonaware_prefect.clouds.findings import Outcome

CONTAINER_APP = {"CONTAINER_APP_NAME": "app"}
SUFFIX = "CONTAINER_APP_ENV_DNS_SUFFIX"


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (
            {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_REGION": "eu-west-1"},
            ("aws", "eu-west-1"),
        ),
        (
            {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "eu-west-1"},
            ("aws", "eu-west-1"),
        ),
        (
            {"WEBSITE_SITE_NAME": "app", "REGION_NAME": "Germany West Central"},
            ("azure", "germanywestcentral"),
        ),
        ({"WEBSITE_SITE_NAME": "app", "REGION_NAME": "eastus2"}, ("azure", "eastus2")),
        (
            {**CONTAINER_APP, SUFFIX: "calm-sea-1a2b.northeurope.azurecontainerapps.io"},
            ("azure", "northeurope"),
        ),
        (
            {"CONTAINER_APP_JOB_NAME": "job", SUFFIX: "eastus.azurecontainerapps.io"},
            ("azure", "eastus"),
        ),
    ],
)
def test_a_platform_says_where_it_is(
    environment: dict[str, str], place: tuple[str, str]
) -> None:
    """Markers that a platform sets, with a region, are proof."""
    (probe,) = read_clues(environment)
    assert probe.outcome is Outcome.FOUND
    assert (probe.provider, probe.region) == place


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"},
        {"REGION_NAME": "westeurope"},
        {SUFFIX: "x.westeurope.azurecontainerapps.io"},
        {"K_SERVICE": "service"},
    ],
)
def test_a_setting_says_nothing(environment: dict[str, str]) -> None:
    """What a user may set for a client is not even a hint."""
    assert read_clues(environment) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_LAMBDA_FUNCTION_NAME": "f"},
        {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "<script>"},
        {
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_REGION": "eu-west-1",
            "AWS_SAM_LOCAL": "true",
        },
        {"WEBSITE_SITE_NAME": "app"},
        {"WEBSITE_SITE_NAME": "app", "REGION_NAME": "?"},
        CONTAINER_APP,
        {**CONTAINER_APP, SUFFIX: "apps.example.com"},
        {**CONTAINER_APP, SUFFIX: "env.westeurope.k4apps.io"},
        {**CONTAINER_APP, SUFFIX: "westeurope.azurecontainerapps.io.example.com"},
        {"K_SERVICE": "service", "K_REVISION": "service-00001"},
        {"CLOUD_RUN_JOB": "job"},
        {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/abc"},
        {"ECS_CONTAINER_METADATA_URI_V4": "https://example.com/v4"},
    ],
)
def test_half_a_marker_is_a_hint(environment: dict[str, str]) -> None:
    """Without a region, or where others set it too, a marker proves nothing."""
    (probe,) = read_clues(environment)
    assert probe.outcome is Outcome.HINT
    assert probe.region is None


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("http://169.254.170.2/v4/abc", True),
        ("http://127.0.0.1:8080", True),
        ("http://[fd00:ec2::254]", True),
        ("http://8.8.8.8", False),
        ("http://metadata.google.internal", False),
        ("http://localhost", False),
        ("https://169.254.170.2", False),
        ("file:///etc/passwd", False),
        ("http://user:secret@127.0.0.1", False),
        ("http://127.0.0.1/?a=b", False),
        ("http://127.0.0.1:99999", False),
        ("http://[::1", False),
        ("169.254.170.2", False),
        ("", False),
    ],
)
def test_metadata_is_asked_at_local_addresses_only(url: str, usable: bool) -> None:
    """Never on the internet, never by a name that must be looked up."""
    assert (local_url(url) == url) is usable
    assert (local_url(url) is not None) is usable


def test_an_unusable_endpoint_leaves_the_default() -> None:
    """The SDKs' variables move a service to another local address, nowhere else."""
    default = "http://127.0.0.1:1"
    names = {"GCE_METADATA_HOST": "metadata.google.internal"}
    assert metadata_url(names, "gcp", default) == default
    assert metadata_url({"GCE_METADATA_HOST": "127.0.0.1:2"}, "gcp", default) == (
        "http://127.0.0.1:2"
    )
    assert metadata_url({}, "azure", default) == default
    assert metadata_url({"NO_GCE_CHECK": "false"}, "gcp", default) == default


def test_pod_identity_is_eks() -> None:
    """EKS pod identity has an address of its own."""
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
        "AWS_REGION": "eu-west-1",
    }
    assert [p.region for p in fallback_clues(environment, frozenset({"aws"}))] == [
        "eu-west-1"
    ]
    assert list(fallback_clues(environment, frozenset())) == []
    environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://[broken"
    assert list(fallback_clues(environment, frozenset({"aws"}))) == []
