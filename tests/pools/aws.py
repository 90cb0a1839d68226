"""AWS's own client, which checks requests against its service model and sends none."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.pools.published import Json

_TASK = "arn:aws:ecs:eu-central-1:123456789012:task/default/1"
_CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/default"
_DEFINITION = "arn:aws:ecs:eu-central-1:123456789012:task-definition/prefect:1"
_ANSWERS: dict[str, list[tuple[str, Json]]] = {
    "ecs": [
        (
            "register_task_definition",
            {"taskDefinition": {"taskDefinitionArn": _DEFINITION}},
        ),
        (
            "run_task",
            {"tasks": [{"taskArn": _TASK, "clusterArn": _CLUSTER}], "failures": []},
        ),
    ],
    "ec2": [
        ("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-1"}]}),
        ("describe_subnets", {"Subnets": [{"SubnetId": "subnet-1"}]}),
    ],
}


def sent_to_aws(credentials: Any, create: Callable[[Any], object]) -> Json:
    """The requests that ``create`` makes with the ECS client, by operation.

    Raises:
        botocore.exceptions.ParamValidationError: AWS knows no such request.
    """
    stubber = importlib.import_module("botocore.stub").Stubber
    requests: Json = {}

    def remember(params: Json, model: Any, **_: Any) -> None:
        requests[model.name] = params

    with ExitStack() as stack:
        clients = {name: credentials.get_client(name) for name in _ANSWERS}
        for name, client in clients.items():
            answers = stack.enter_context(stubber(client))
            for operation, answer in _ANSWERS[name]:
                answers.add_response(operation, answer)
        events = clients["ecs"].meta.events
        events.register("provide-client-params.ecs.*", remember)
        stack.callback(events.unregister, "provide-client-params.ecs.*", remember)
        create(clients["ecs"])
    return requests
