"""No answer that lacks the proof is ever taken for a cloud, and none breaks detection."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.clouds.findings import Outcome, Probe
from carbonaware_prefect.clouds.proofs import (
    Answer,
    Conversation,
    Reply,
    Silence,
    ask_aws,
    ask_azure,
    ask_ecs,
    ask_gcp,
)

ASKERS: list[Callable[[], Conversation]] = [ask_aws, ask_azure, ask_ecs, ask_gcp]

documents: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(
        [
            "accountId",
            "region",
            "availabilityZone",
            "instanceId",
            "TaskARN",
            "location",
            "azEnvironment",
        ]
    ),
    st.sampled_from(["eu-central-1", "westeurope", "us-central1", "", None, 7, [], {}])
    | st.text("aeiuwz019-:", max_size=20),
)
bodies = st.binary(max_size=200) | documents.map(lambda each: json.dumps(each).encode())
replies: st.SearchStrategy[Reply] = st.sampled_from(Silence) | st.builds(
    Answer,
    status=st.sampled_from([200, 301, 400, 401, 403, 404, 405, 500]),
    headers=st.dictionaries(
        st.sampled_from(["metadata-flavor", "server", "content-type"]),
        st.sampled_from(["Google", "EC2ws", "application/json", "x"]),
    ),
    body=bodies,
)


def converse(conversation: Conversation, answers: list[Reply]) -> Probe:
    """What a conversation comes to when these are its replies."""
    try:
        next(conversation)
        for answer in answers:
            conversation.send(answer)
    except StopIteration as end:
        probe: Probe = end.value
        return probe
    pytest.fail("asked more than three questions")


@given(st.sampled_from(ASKERS), st.lists(replies, min_size=3, max_size=3))
def test_nothing_is_proven_by_chance(
    ask: Callable[[], Conversation], answers: list[Reply]
) -> None:
    """Documents with the right keys and the wrong values included."""
    assert converse(ask(), answers).outcome is not Outcome.FOUND


@pytest.mark.parametrize("silence", Silence)
@pytest.mark.parametrize("ask", ASKERS)
def test_silence_is_reported_as_what_it_is(
    ask: Callable[[], Conversation], silence: Silence
) -> None:
    """The probe says in words why there was no answer."""
    assert converse(ask(), [silence, silence]).detail == silence.value
