"""A nightly training that starts when electricity is cleanest.

The model is small and real: logistic regression by gradient descent, on data generated
from a seed, with the standard library alone. Where it runs and how long it may wait is in
``prefect.yaml``, as ``CARBONAWARE_*`` variables.
"""

from __future__ import annotations

import math
import random

from prefect import flow, get_run_logger, task

from carbonaware_prefect import carbonaware_delay_task

Row = tuple[tuple[float, ...], int]

delay = carbonaware_delay_task()


@task
def generate(rows: int, seed: int) -> list[Row]:
    """Rows of two features, labelled by a line with some noise around it."""
    source = random.Random(seed)  # noqa: S311  data, not secrets
    data: list[Row] = []
    for _ in range(rows):
        x, y = source.gauss(0, 1), source.gauss(0, 1)
        data.append(((1.0, x, y), int(0.5 + 2 * x - y + source.gauss(0, 0.5) > 0)))
    return data


@task
def fit(data: list[Row], epochs: int, rate: float) -> list[float]:
    """The weights of a logistic regression."""
    weights = [0.0] * len(data[0][0])
    for _ in range(epochs):
        gradient = [0.0] * len(weights)
        for features, label in data:
            error = predict(weights, features) - label
            for i, value in enumerate(features):
                gradient[i] += error * value
        weights = [
            weight - rate * part / len(data)
            for weight, part in zip(weights, gradient, strict=True)
        ]
    return weights


def predict(weights: list[float], features: tuple[float, ...]) -> float:
    """The probability of label 1."""
    total = sum(w * value for w, value in zip(weights, features, strict=True))
    return 1 / (1 + math.exp(-total))


@flow(name="training")
def train(rows: int = 2000, epochs: int = 100, rate: float = 1.0, seed: int = 7) -> float:
    """Wait for the cleanest start, then train; the share of unseen rows told right."""
    # First of all: what comes before the delay runs again after it.
    delay()
    data = generate(rows, seed)
    cut = len(data) * 4 // 5
    weights = fit(data[:cut], epochs, rate)
    right = [
        (predict(weights, features) > 0.5) == bool(label)  # noqa: PLR2004
        for features, label in data[cut:]
    ]
    accuracy = sum(right) / len(right)
    shown = ", ".join(f"{weight:.2f}" for weight in weights)
    get_run_logger().info("weights %s; accuracy %.1f %%", shown, 100 * accuracy)
    return accuracy


if __name__ == "__main__":
    train()
