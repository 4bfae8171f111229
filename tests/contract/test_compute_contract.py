"""Whatever implements the Compute port gives the same results and the same errors."""

import os
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from supplychain.compute import InlineCompute, PoolCompute
from supplychain.domain.errors import ConflictError, InvalidInputError, SupplyChainError, UnavailableError
from supplychain.planning.ports import Compute


class StubbornError(Exception):
    """Can be pickled and not read back, as errors of some libraries are."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def add(one: int, two: int) -> int:
    return one + two


def doubled(values: np.ndarray) -> np.ndarray:
    values *= 2
    return values


def refuse(detail: str) -> None:
    raise ConflictError(detail, way_out="look again", line="L1", version=3)


def divide(one: int) -> float:
    return one / 0


def stubborn() -> None:
    raise StubbornError(1, 2)


def unreturnable() -> Callable[[], int]:
    return lambda: 1


@pytest.fixture(scope="module", params=["inline", "pool"])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    chosen: Compute = InlineCompute() if request.param == "inline" else PoolCompute(2)
    yield chosen
    chosen.close()


def test_returns_what_the_call_returns(compute: Compute) -> None:
    assert compute.run(add, 2, 3, deadline_seconds=30) == 5


def test_arguments_of_the_caller_stay_as_they_are(compute: Compute) -> None:
    given = np.arange(200_000)
    got = compute.run(doubled, given, deadline_seconds=30)
    assert int(got.sum()) == 2 * int(given.sum())
    assert given[-1] == 199_999


def test_our_own_errors_arrive_unchanged(compute: Compute) -> None:
    with pytest.raises(ConflictError) as caught:
        compute.run(refuse, "somebody was first", deadline_seconds=30)
    error = caught.value
    assert (error.detail, error.way_out, error.fields) == (
        "somebody was first",
        "look again",
        {"line": "L1", "version": 3},
    )
    assert not hasattr(error, "__notes__")


def test_a_foreign_error_arrives_as_itself_with_the_workers_trace(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        compute.run(divide, 1, deadline_seconds=30)
    assert "in divide" in caught.value.__notes__[0]


def test_an_error_that_cannot_travel_is_told_in_words(compute: Compute) -> None:
    with pytest.raises(SupplyChainError, match="StubbornError: 1 and 2"):
        compute.run(stubborn, deadline_seconds=30)


def test_what_cannot_cross_the_border_is_refused(compute: Compute) -> None:
    with pytest.raises(Exception, match="pickle"):
        compute.run(unreturnable, deadline_seconds=30)
    with pytest.raises(Exception, match="pickle"):
        compute.run(add, lambda: 1, 2, deadline_seconds=30)
    assert compute.run(add, 1, 1, deadline_seconds=30) == 2


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_a_deadline_is_positive(compute: Compute, deadline: float) -> None:
    with pytest.raises(ValueError, match="deadline"):
        compute.run(add, 1, 1, deadline_seconds=deadline)


def test_threads_may_share_it(compute: Compute) -> None:
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(compute.run(add, n, 1, deadline_seconds=30))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(got) == list(range(1, 21))


@pytest.mark.parametrize("make", [InlineCompute, lambda: PoolCompute(1)])
def test_closed_it_refuses(make: Callable[[], Compute]) -> None:
    chosen = make()
    chosen.close()
    chosen.close()
    with pytest.raises(UnavailableError, match="closed"):
        chosen.run(add, 1, 1, deadline_seconds=1)


def test_only_the_pool_has_a_process_of_its_own() -> None:
    assert InlineCompute().run(os.getpid, deadline_seconds=1) == os.getpid()
    pool = PoolCompute(1)
    try:
        assert pool.run(os.getpid, deadline_seconds=30) in pool.pids()
        assert os.getpid() not in pool.pids()
    finally:
        pool.close()


def test_invalid_input_keeps_its_class(compute: Compute) -> None:
    with pytest.raises(InvalidInputError):
        compute.run(invalid, deadline_seconds=30)


def invalid() -> None:
    raise InvalidInputError("no such value")
