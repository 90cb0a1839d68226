"""Each cloud is found by its proof, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from carbonaware_prefect.clouds.detection import Surroundings, look_around
from carbonaware_prefect.clouds.findings import Detection, Outcome, Step, Verdict
from tests.clouds.fakes import (
    ACCOUNT,
    TOKEN,
    Azure,
    CaptivePortal,
    CloudRun,
    DigitalOcean,
    Ec2,
    Ec2BehindBridge,
    EcsTask,
    Fake,
    Google,
    Hetzner,
    ImitatedProxy,
    NotHttp,
    NoTokens,
    OpenStack,
    Oracle,
    Ovh,
    Pages,
    Parrot,
    Redirecting,
    Told,
    closed_url,
    document,
    identity,
    known,
    status,
    text,
)

Surround = Callable[..., Surroundings]

AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"


def outcomes(detection: Detection) -> list[tuple[str, Outcome]]:
    """What each metadata service came to."""
    return [(p.asked, p.outcome) for p in detection.probes if p.step is Step.METADATA]


@pytest.mark.parametrize(
    ("fake", "place"),
    [
        pytest.param(Ec2, ("aws", "eu-central-1"), id="ec2-imdsv2-only"),
        pytest.param(Azure, ("azure", "westeurope"), id="azure"),
        pytest.param(Google, ("gcp", "us-central1"), id="gcp-by-zone"),
        pytest.param(CloudRun, ("gcp", "europe-west1"), id="cloud-run-by-region"),
    ],
)
def test_a_cloud_is_found_by_its_metadata(
    surround: Surround, fake: type[Fake], place: tuple[str, str]
) -> None:
    """A genuine metadata service is enough, without variables or firmware."""
    with fake() as service:
        detection = look_around(known, surround(service.url))
    assert detection.place == place
    assert detection.verdict is Verdict.FOUND
    assert " ".join(place) in detection.sentence


@pytest.mark.parametrize(
    "fake", [OpenStack, Ovh, Hetzner, DigitalOcean, Oracle, CaptivePortal, NoTokens, Pages]
)
def test_a_lookalike_is_taken_for_no_cloud(surround: Surround, fake: type[Fake]) -> None:
    """Services on the same address that imitate, or answer to anything, prove nothing."""
    with fake() as service:
        detection = look_around(known, surround(service.url))
    assert detection.place is None
    assert detection.verdict is Verdict.NOTHING
    assert {outcome for _, outcome in outcomes(detection)} == {Outcome.UNPROVEN}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(text("us-west-2"), id="region"),
        pytest.param(text("us-west-2X"), id="region-and-a-letter"),
        pytest.param(text("projects/1/zones/us-central1-a"), id="zone-without-header"),
        pytest.param(
            text("projects/1/zones/us-central1-a", Metadata_Flavor="google"),
            id="zone-with-wrong-header",
        ),
        pytest.param(text("nova", Metadata_Flavor="Google"), id="header-without-zone"),
        pytest.param(text("\u212aX\n\r\n"), id="no-header-value-as-token"),
        pytest.param(document({"location": "westeurope"}), id="location-without-cloud"),
        pytest.param(
            document({"location": "westeurope", "azEnvironment": "AzureStack"}),
            id="azure-stack",
        ),
        pytest.param(
            text('{"location": "westeurope", "azEnvironment": "AzurePublicCloud"}'),
            id="azure-document-as-text",
        ),
        pytest.param(document([identity()]), id="list"),
        pytest.param(text("[" * 100_000), id="deep"),
        pytest.param(Told(body=b"\xff\xfe\x00\xd8" * 50), id="bytes"),
        pytest.param(Told(body=b"x" * 10_000_000), id="huge"),
        pytest.param(Told(body=b""), id="empty"),
        pytest.param(Told(body=b"x", headers={"Content-Encoding": "gzip"}), id="gzip"),
        pytest.param(status(401), id="401"),
        pytest.param(status(403), id="403"),
        pytest.param(status(500), id="500"),
    ],
)
def test_an_answer_without_proof_is_no_cloud(surround: Surround, told: Told) -> None:
    """Whatever is said to every question, malformed or huge, no cloud comes of it."""
    with Parrot(told) as service:
        detection = look_around(known, surround(service.url))
    assert detection.place is None
    assert detection.verdict is Verdict.NOTHING
    assert {outcome for _, outcome in outcomes(detection)} == {Outcome.UNPROVEN}


def test_a_huge_answer_is_not_read_to_its_end(surround: Surround) -> None:
    """More than any metadata could be is refused as such."""
    with Parrot(Told(body=b" " * 10_000_000)) as service:
        detection = look_around(known, surround(service.url))
    assert all("larger" in p.detail for p in detection.probes if p.step is Step.METADATA)


def test_what_speaks_no_http_is_no_cloud(surround: Surround) -> None:
    """Any other protocol on that address."""
    with NotHttp() as url:
        detection = look_around(known, surround(url))
    assert {outcome for _, outcome in outcomes(detection)} == {Outcome.UNPROVEN}


@pytest.mark.parametrize(
    "content",
    [
        identity(accountId="1234"),
        identity(accountId=int(ACCOUNT)),
        identity(region="nova"),
        identity(region="us-west-2"),  # while the availability zone is eu-central-1a
        identity(region=None),
        {"region": "eu-central-1"},
        [],
        "eu-central-1",
    ],
)
def test_an_identity_document_must_be_whole(surround: Surround, content: object) -> None:
    """A token alone is no proof of EC2."""
    with Ec2(content) as service:
        assert look_around(known, surround(service.url)).place is None


def test_a_local_zone_counts_as_its_region_and_is_named(surround: Surround) -> None:
    """The region of us-west-2-lax-1a is us-west-2, and the detail tells the zone."""
    content = identity(region="us-west-2", availabilityZone="us-west-2-lax-1a")
    with Ec2(content) as service:
        detection = look_around(known, surround(service.url))
    assert detection.place == ("aws", "us-west-2")
    assert "us-west-2-lax-1a" in detection.sentence


def test_a_container_behind_a_bridge_finds_ec2_by_version_1(surround: Surround) -> None:
    """With hop limit 1 the token never arrives; EC2's own header proves version 1."""
    with Ec2BehindBridge(version_1=True) as service:
        detection = look_around(known, surround(service.url))
    assert detection.place == ("aws", "eu-central-1")
    assert "IMDSv1" in detection.sentence


def test_a_withheld_token_is_explained(surround: Surround) -> None:
    """Where version 2 is required and the token does not arrive, the detail says why."""
    with Ec2BehindBridge(version_1=False) as service:
        around = surround(service.url, dmi={"sys_vendor": "Amazon EC2"})
        detection = look_around(known, around)
    assert detection.place is None
    assert detection.verdict is Verdict.NO_REGION
    assert "hop limit" in detection.probes[-1].detail


def test_ec2_hardware_makes_a_version_1_document_proof(surround: Surround) -> None:
    """A proxy that refuses tokens, on a machine whose firmware is EC2's."""
    with NoTokens() as service:
        around = surround(service.url, dmi={"sys_vendor": "Amazon EC2"})
        detection = look_around(known, around)
    assert detection.place == ("aws", "eu-central-1")


def test_a_region_outside_the_map_is_no_place(surround: Surround) -> None:
    """Proven, but useless: the verdict names the region."""
    with Azure(location="marscentral") as service:
        detection = look_around(known, surround(service.url))
    assert detection.place is None
    assert detection.verdict is Verdict.UNKNOWN_REGION
    assert "azure marscentral" in detection.sentence


def test_a_region_may_be_written_as_it_is_displayed(surround: Surround) -> None:
    """``East US 2`` is eastus2."""
    with Azure(location="East US 2") as service:
        assert look_around(known, surround(service.url)).place == ("azure", "eastus2")


def test_two_clouds_at_once_are_none(surround: Surround) -> None:
    """Contradicting proofs: none is believed."""
    with Ec2() as ec2, Google() as google:
        around = replace(surround(ec2.url), gcp_url=google.url)
        detection = look_around(known, around)
    assert detection.place is None
    assert detection.verdict is Verdict.CONTRADICTION
    assert "aws eu-central-1" in detection.sentence
    assert "gcp us-central1" in detection.sentence


def test_firmware_against_variables_is_none(surround: Surround) -> None:
    """Lambda does not run on Azure's machines; nobody is asked."""
    with Azure() as service:
        around = surround(
            service.url,
            environment={"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "us-west-2"},
            dmi={"chassis_asset_tag": AZURE_TAG},
        )
        detection = look_around(known, around)
    assert detection.verdict is Verdict.CONTRADICTION
    assert service.asked == []


def test_firmware_of_one_cloud_spares_the_others(surround: Surround) -> None:
    """On Azure's hardware only Azure is asked."""
    with Azure() as service:
        around = surround(service.url, dmi={"chassis_asset_tag": AZURE_TAG})
        detection = look_around(known, around)
    assert detection.place == ("azure", "westeurope")
    assert [asked.path.split("?")[0] for asked in service.asked] == [
        "/metadata/instance/compute"
    ]


def test_firmware_of_another_cloud_ends_the_search(surround: Surround) -> None:
    """On OpenStack's hardware even a perfect imitation of EC2 is not asked."""
    with Ec2() as service:
        around = surround(service.url, dmi={"product_name": "OpenStack Nova"})
        detection = look_around(known, around)
    assert detection.verdict is Verdict.OTHER_CLOUD
    assert service.asked == []


def test_variables_that_decide_spare_the_network(surround: Surround) -> None:
    """App Service has no metadata service: nobody is asked."""
    with CaptivePortal() as service:
        environment = {"WEBSITE_SITE_NAME": "app", "REGION_NAME": "West Europe"}
        detection = look_around(known, surround(service.url, environment=environment))
    assert detection.place == ("azure", "westeurope")
    assert service.asked == []


def test_an_ecs_task_is_found_by_its_metadata(surround: Surround) -> None:
    """The task's ARN wins over AWS_REGION, which a user may set."""
    with EcsTask() as task, Pages() as other:
        environment = {
            "ECS_CONTAINER_METADATA_URI_V4": f"{task.url}/v4/abc",
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_REGION": "eu-central-1",
        }
        detection = look_around(known, surround(other.url, environment=environment))
    assert detection.place == ("aws", "us-west-2")
    assert other.asked == []
    assert ACCOUNT not in repr(detection)


def test_ecs_anywhere_is_not_in_the_cloud(surround: Surround) -> None:
    """A task on the user's own machine has an ARN too."""
    with EcsTask(LaunchType="EXTERNAL") as task, Pages() as other:
        environment = {"ECS_CONTAINER_METADATA_URI_V4": f"{task.url}/v4/abc"}
        detection = look_around(known, surround(other.url, environment=environment))
    assert detection.place is None


@pytest.mark.parametrize("arn", ["arn:aws:ecs:us-west-2", "us-west-2", "", None])
def test_a_task_without_a_whole_arn_is_no_proof(
    surround: Surround, arn: str | None
) -> None:
    """What merely mentions a region is none."""
    with EcsTask(TaskARN=arn) as task:
        environment = {"ECS_CONTAINER_METADATA_URI_V4": f"{task.url}/v4/abc"}
        around = surround(closed_url(), environment=environment)
        assert look_around(known, around).place is None


def test_fargate_without_task_metadata_has_its_region(surround: Surround) -> None:
    """The platform's own variables are better than nothing."""
    environment = {
        "ECS_CONTAINER_METADATA_URI_V4": closed_url(),
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": "us-west-2",
    }
    detection = look_around(known, surround(closed_url(), environment=environment))
    assert detection.place == ("aws", "us-west-2")


@pytest.mark.parametrize(
    ("vendor", "place"), [("Amazon EC2", ("aws", "us-west-2")), ("Dell Inc.", None)]
)
def test_eks_counts_on_ec2_hardware_only(
    surround: Surround, vendor: str, place: tuple[str, str] | None
) -> None:
    """EKS Anywhere gives the same variables to pods in the user's cellar."""
    environment = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": (
            "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
        ),
        "AWS_REGION": "us-west-2",
    }
    around = surround(closed_url(), environment=environment, dmi={"sys_vendor": vendor})
    assert look_around(known, around).place == place


@pytest.mark.parametrize(
    ("variable", "value", "skipped"),
    [
        ("AWS_EC2_METADATA_DISABLED", "true", "EC2 metadata"),
        ("NO_GCE_CHECK", "True", "Google metadata"),
    ],
)
def test_a_forbidden_service_is_not_asked(
    surround: Surround, variable: str, value: str, skipped: str
) -> None:
    """The switches of the clouds' own SDKs are obeyed."""
    with Pages() as service:
        around = surround(service.url, environment={variable: value})
        detection = look_around(known, around)
    assert [name for name, how in outcomes(detection) if how is Outcome.SKIPPED] == [
        skipped
    ]


def test_an_endpoint_of_the_environment_is_used(surround: Surround) -> None:
    """The SDKs' variable for another local address counts."""
    with Ec2() as service:
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{service.url}/"}
        detection = look_around(known, surround(closed_url(), environment=environment))
    assert detection.place == ("aws", "eu-central-1")


def test_proxies_are_ignored(surround: Surround, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that would answer as EC2 is never asked, for any service."""
    with ImitatedProxy() as proxy, Pages() as service:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        detection = look_around(known, surround(service.url))
    assert detection.place is None
    assert proxy.asked == []
    assert {asked.path.split("/")[1] for asked in service.asked} == {
        "latest",
        "metadata",
        "computeMetadata",
    }


def test_redirects_are_not_followed(surround: Surround) -> None:
    """Not even to a genuine service."""
    with Ec2() as ec2, Redirecting(ec2.url) as service:
        detection = look_around(known, surround(service.url))
    assert detection.place is None
    assert ec2.asked == []


def test_nothing_secret_is_reported(surround: Surround) -> None:
    """Neither the token nor the account nor a variable's value is in what is returned."""
    with Ec2() as service:
        around = surround(service.url, environment={"AWS_SECRET_ACCESS_KEY": "hush"})
        detection = look_around(known, around)
    assert detection.place == ("aws", "eu-central-1")
    assert service.asked[0].headers["user-agent"] == "carbonaware-prefect"
    for secret in (TOKEN, ACCOUNT, "hush", "i-1234567890abcdef0"):
        assert secret not in repr((detection, around))
