"""No infrastructure starts a run a second time or ends it early, as documented."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest

from tests.docs.documents import text_of
from tests.pools.checking import merged
from tests.pools.cloud_schemas import google_schemas
from tests.pools.examples import change_of, examples
from tests.pools.published import WORKERS, Json, templates, worker
from tests.pools.sending import Sent, send

_BEHAVIOUR = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"


def _documented(pool_type: str) -> Sent:
    """What is sent for the documented example."""
    (example,) = [each for each in examples() if each.pool_type == pool_type]
    template = merged(templates(pool_type)["worker"], change_of(pool_type))
    return send(pool_type, template, example.variables)


@pytest.mark.parametrize("pool_type", WORKERS)
@pytest.mark.parametrize("publisher", ["worker", "server"])
def test_commands_are_as_documented(pool_type: str, publisher: str) -> None:
    """Each worker runs the command of the table, which decides what SIGTERM does."""
    sent = send(pool_type, templates(pool_type)[publisher], {"env": {_BEHAVIOUR: "crash"}})
    (row,) = re.findall(
        rf"^\| \[`{pool_type}`\].*$", text_of("docs/where-it-runs.md"), re.MULTILINE
    )
    said = row.split("|")[2].strip(" `")
    command = " ".join(sent.command).removeprefix("/opt/prefect/entrypoint.sh ")

    assert sent.env[_BEHAVIOUR] == "crash"
    assert re.sub(r"^\S*/python\S* ", "python ", command) == said


@pytest.mark.parametrize("publisher", ["worker", "server"])
def test_kubernetes_starts_one_pod(publisher: str) -> None:
    """By default a job has one pod and no retry, and SIGTERM gives the run back."""
    sent = send("kubernetes", templates("kubernetes")[publisher], {})
    spec = sent.body["spec"]

    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert "activeDeadlineSeconds" not in spec
    assert sent.env[_BEHAVIOUR] == "reschedule"


def test_kubernetes_retries_take_the_run_over() -> None:
    """With a backoff limit the worker leaves SIGTERM to Kubernetes, whatever env says."""
    variables = {"backoff_limit": 3, "env": {_BEHAVIOUR: "reschedule"}}
    sent = send("kubernetes", templates("kubernetes")["worker"], variables)

    assert sent.body["spec"]["backoffLimit"] == 3
    assert sent.env[_BEHAVIOUR] == "relinquish"


def test_kubernetes_does_not_merge_lists() -> None:
    """A list in the pool hides a deployment's object; the other way round is an error."""
    template = templates("kubernetes")["worker"]
    listed = [{"name": "CARBONAWARE_ZONE", "value": "DE"}]
    by_list = merged(template, {"variables": {"properties": {"env": {"default": listed}}}})
    sent = send("kubernetes", by_list, {"env": {"CARBONAWARE_WINDOW": "PT8H"}})

    assert sent.env["CARBONAWARE_ZONE"] == "DE"
    assert "CARBONAWARE_WINDOW" not in sent.env

    of_pool = {"CARBONAWARE_WINDOW": "PT8H"}
    by_object = merged(
        template, {"variables": {"properties": {"env": {"default": of_pool}}}}
    )
    with pytest.raises(TypeError):
        send("kubernetes", by_object, {"env": listed})


def test_containers_have_time_to_end() -> None:
    """Pods and tasks have longer to end than Prefect gives the flow's process in them."""
    manager = import_module("prefect.runner._process_manager").ProcessManager
    own = inspect.signature(manager.kill).parameters["grace_seconds"].default
    pod = _documented("kubernetes").body["spec"]["template"]["spec"]
    task = _documented("ecs").body["RegisterTaskDefinition"]["containerDefinitions"][0]

    assert own == 30
    assert pod["terminationGracePeriodSeconds"] == task["stopTimeout"] == 2 * own


def test_ecs_runs_one_task() -> None:
    """One task of its own, on Fargate Spot, that gives its run back on SIGTERM."""
    sent = _documented("ecs")
    (request, definition) = (sent.body["RunTask"], sent.body["RegisterTaskDefinition"])

    assert request.get("count", 1) == 1
    assert request["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert "restartPolicy" not in definition["containerDefinitions"][0]
    assert sent.env[_BEHAVIOUR] == "reschedule"


def test_cloud_run_neither_retries_nor_ends_early() -> None:
    """The example retries nothing and has four hours; the default is ten minutes."""
    task = _documented("cloud-run-v2").body["template"]["template"]
    published = templates("cloud-run-v2")

    assert (task["maxRetries"], task["timeout"]) == (0, "14400s")
    for template in published.values():
        known = template["variables"]["properties"]
        assert (known["timeout"]["default"], known["timeout"]["maximum"]) == (600, 604800)
        assert known["max_retries"]["default"] == 0


def test_older_cloud_run_would_retry() -> None:
    """Its worker names no retries and Google's default is 3; our change says none."""
    published = templates("cloud-run")["worker"]
    default: Json = google_schemas("run.v1")["TaskSpec"]["properties"]["maxRetries"]

    assert "maxRetries" not in _older_task(published)
    assert "Defaults to 3" in default["description"]
    assert _older_task(merged(published, change_of("cloud-run")))["maxRetries"] == 0
    (timeout, _) = published["variables"]["properties"]["timeout"]["anyOf"]
    assert timeout["maximum"] == 3600


def _older_task(template: Json) -> Json:
    body = send("cloud-run", template, {}).body
    task: Json = body["spec"]["template"]["spec"]["template"]["spec"]
    return task


def test_vertex_ai_is_told_not_to_retry() -> None:
    """The example's scheduling is one that Google and the worker know."""
    spec = _documented("vertex-ai").body
    known = google_schemas("aiplatform.v1")["GoogleCloudAiplatformV1Scheduling"]
    default = templates("vertex-ai")["worker"]["variables"]["properties"]
    # It drops scheduling without a strategy; to run it takes Google's package.
    code = inspect.getsource(worker("vertex-ai")._build_job_spec)

    assert spec["maximum_run_time_hours"] == 4
    assert default["maximum_run_time_hours"]["default"] == 1
    assert spec["scheduling"] == {"strategy": "STANDARD", "disable_retries": True}
    assert "disableRetries" in known["properties"]
    assert "STANDARD" in known["properties"]["strategy"]["enum"]
    assert 'scheduling_params.get("strategy")) is str' in code


def test_container_groups_are_not_restarted() -> None:
    """A container group is never restarted, and our image is asked for no entrypoint."""
    sent = _documented("azure-container-instance")

    assert sent.body["properties"]["restartPolicy"] == "Never"
    assert sent.command == ["prefect", "flow-run", "execute"]
