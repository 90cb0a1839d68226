# The examples have no types, and keep having none.
# mypy: ignore-errors
"""The older package's two documented examples, unchanged but for their forecast.

The tests give the forecast by CARBONAWARE_SOURCE.
"""

from __future__ import annotations

from datetime import timedelta

from prefect import flow, task

from carbonaware_prefect import carbonaware_delay_decorator, carbonaware_delay_task


@task
@carbonaware_delay_decorator(
    provider="gcp",
    region="us-central1",
    window=timedelta(minutes=5),
    duration=timedelta(minutes=30),
)
def decorated_train_model():  # noqa: ANN201
    print("training started")


@flow
def decorated_training_pipeline():  # noqa: ANN201
    decorated_train_model()


@task
def train_model():  # noqa: ANN201
    print("training started")


@flow
def training_pipeline():  # noqa: ANN201
    delay = carbonaware_delay_task(
        provider="gcp",
        region="us-central1",
        window=timedelta(minutes=5),
        duration=timedelta(minutes=30),
    )
    delay()
    train_model()


if __name__ == "__main__":
    decorated_training_pipeline()
    training_pipeline()
