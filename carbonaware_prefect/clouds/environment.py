"""What the environment variables of a process say about the cloud it runs in.

Pure: a mapping in, probes out. ``AWS_REGION`` alone is a client's setting and proves
nothing; only variables that a platform sets for its own processes count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from carbonaware_prefect.clouds.findings import AWS, AZURE, GCP, Outcome, Probe, Step

__all__ = [
    "azure_region",
    "fallback_clues",
    "local_url",
    "metadata_url",
    "read_clues",
    "task_metadata_url",
]

_REGION = re.compile(r"[a-z][a-z0-9-]{1,39}")
_CONTAINER_APPS = re.compile(
    r"(?:.+\.)?([a-z][a-z0-9]+)\.azurecontainerapps\.(?:io|us|cn)", re.ASCII
)
_IRSA_TOKENS = "/var/run/secrets/eks.amazonaws.com/"
_POD_IDENTITY_HOSTS = frozenset({"169.254.170.23", "fd00:ec2::23"})
_SIMULATORS = ("AWS_SAM_LOCAL", "LOCALSTACK_HOSTNAME")


def read_clues(environment: Mapping[str, str]) -> list[Probe]:
    """What the markers of serverless platforms say; those with a region are proof."""
    readers = (_lambda, _app_service, _container_apps, _cloud_run, _task)
    return [probe for read in readers if (probe := read(environment)) is not None]


def fallback_clues(
    environment: Mapping[str, str], hardware: frozenset[str]
) -> Iterator[Probe]:
    """Regions to believe when the metadata services of these machines kept silent.

    On Fargate and with EKS credentials the platform sets ``AWS_REGION`` unless the user
    did, so what the metadata says is better. EKS credentials also exist outside AWS (EKS
    Anywhere, hybrid nodes), so they count on EC2 hardware only.
    """
    region = _region(environment, "AWS_REGION")
    if region is None:
        return
    if environment.get("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE":
        yield _found("Fargate", "AWS_EXECUTION_ENV and AWS_REGION", AWS, region)
    elif AWS in hardware and _has_eks_credentials(environment):
        yield _found("EKS", "EC2 hardware, EKS credentials and AWS_REGION", AWS, region)


def task_metadata_url(environment: Mapping[str, str]) -> str | None:
    """Base URL of the ECS task metadata, when the environment names a local one."""
    return local_url(environment.get("ECS_CONTAINER_METADATA_URI_V4", ""))


def metadata_url(environment: Mapping[str, str], provider: str, default: str) -> str | None:
    """Where to ask ``provider``'s metadata service; None when the user forbade it.

    The variables are those that the clouds' own SDKs obey.
    """
    if provider == AWS:
        if _is_true(environment.get("AWS_EC2_METADATA_DISABLED")):
            return None
        own = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")
    elif provider == GCP:
        if _is_true(environment.get("NO_GCE_CHECK")):
            return None
        host = environment.get("GCE_METADATA_HOST", "")
        own = f"http://{host}" if host else ""
    else:
        own = ""
    return local_url(own) or default


def local_url(url: str) -> str | None:
    """``url`` without its last slash, if it is HTTP to an address that is not public.

    Metadata never comes from the internet. Names are refused too: looking one up can
    take longer than all of detection may.
    """
    try:
        parts = urlsplit(url)
        local = not ip_address(parts.hostname or "").is_global
        parts.port  # noqa: B018 - raises on a port that is none
    except ValueError:
        return None
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return url.rstrip("/") if local and plain and parts.scheme == "http" else None


def azure_region(name: str) -> str | None:
    """The short name of an Azure region: ``West Europe`` is ``westeurope``."""
    short = name.replace(" ", "").lower()
    return short if _REGION.fullmatch(short) else None


def _lambda(environment: Mapping[str, str]) -> Probe | None:
    marked = environment.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda_")
    if not (marked or environment.get("AWS_LAMBDA_FUNCTION_NAME")):
        return None
    if any(environment.get(name) for name in _SIMULATORS):
        return _hint("AWS Lambda", "a local simulator sets the variables of Lambda", AWS)
    region = _region(environment, "AWS_REGION")
    if region is None:
        return _hint("AWS Lambda", "the variables of Lambda without AWS_REGION", AWS)
    return _found("AWS Lambda", "the variables of Lambda and AWS_REGION", AWS, region)


def _app_service(environment: Mapping[str, str]) -> Probe | None:
    if not environment.get("WEBSITE_SITE_NAME"):
        return None
    region = azure_region(environment.get("REGION_NAME", ""))
    if region is None:
        return _hint("Azure App Service", "WEBSITE_SITE_NAME without REGION_NAME", AZURE)
    detail = "WEBSITE_SITE_NAME and REGION_NAME"
    return _found("Azure App Service", detail, AZURE, region)


def _container_apps(environment: Mapping[str, str]) -> Probe | None:
    if not any(
        environment.get(name) for name in ("CONTAINER_APP_NAME", "CONTAINER_APP_JOB_NAME")
    ):
        return None
    suffix = environment.get("CONTAINER_APP_ENV_DNS_SUFFIX", "").lower()
    match = _CONTAINER_APPS.fullmatch(suffix)
    if match is None:
        # Container Apps also run on Kubernetes elsewhere (k4apps.io).
        detail = "CONTAINER_APP_ENV_DNS_SUFFIX names no Azure region"
        return _hint("Azure Container Apps", detail, AZURE)
    detail = "the region in CONTAINER_APP_ENV_DNS_SUFFIX"
    return _found("Azure Container Apps", detail, AZURE, match[1])


def _cloud_run(environment: Mapping[str, str]) -> Probe | None:
    service = environment.get("K_SERVICE") and environment.get("K_REVISION")
    if not (service or environment.get("CLOUD_RUN_JOB")):
        return None
    # Knative sets the same variables on any Kubernetes.
    return _hint("Cloud Run", "its variables, which name no region", GCP)


def _task(environment: Mapping[str, str]) -> Probe | None:
    if not environment.get("ECS_CONTAINER_METADATA_URI_V4"):
        return None
    if task_metadata_url(environment) is None:
        return _hint("ECS", "ECS_CONTAINER_METADATA_URI_V4 is no local address", AWS)
    # ECS Anywhere sets it on machines outside AWS.
    return _hint("ECS", "ECS_CONTAINER_METADATA_URI_V4 names a task metadata service", AWS)


def _has_eks_credentials(environment: Mapping[str, str]) -> bool:
    if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE", "").startswith(_IRSA_TOKENS):
        return True
    try:
        url = urlsplit(environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""))
    except ValueError:
        return False
    return url.hostname in _POD_IDENTITY_HOSTS


def _region(environment: Mapping[str, str], name: str) -> str | None:
    region = environment.get(name, "").strip()
    return region if _REGION.fullmatch(region) else None


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in {"true", "1", "yes"}


def _found(platform: str, detail: str, provider: str, region: str) -> Probe:
    return Probe(
        step=Step.ENVIRONMENT,
        asked=f"{platform} variables",
        outcome=Outcome.FOUND,
        detail=detail,
        provider=provider,
        region=region,
    )


def _hint(platform: str, detail: str, provider: str) -> Probe:
    return Probe(
        step=Step.ENVIRONMENT,
        asked=f"{platform} variables",
        outcome=Outcome.HINT,
        detail=detail,
        provider=provider,
    )
