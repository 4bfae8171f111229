import numpy as np
import pytest

from supplychain.forecasting.frames import DAY_MS, DailyFrame, daily_frame, days_of


def frame() -> DailyFrame:
    return daily_frame(
        ["b", "a", "a", "a", "b", "c", "a"],
        np.array([10, 10, 10, 12, 14, 13, 99]),
        np.array([5.0, 1.0, 1.0, 4.0, 2.0, -3.0, 7.0]),
        np.array([2.0, 3.0, 5.0, 4.0, 1.0, 1.0, 1.0]),
        first_day=10,
        end_day=15,
        groups={"a": "tea", "b": "tea"},
    )


def test_lines_are_summed_and_what_is_no_sale_is_left_out() -> None:
    got = frame()
    assert got.keys == ("a", "b")
    np.testing.assert_array_equal(got.pieces, [[2, 0, 4, 0, 0], [5, 0, 0, 0, 2]])
    np.testing.assert_array_equal(got.orders, [[2, 0, 1, 0, 0], [1, 0, 0, 0, 1]])
    np.testing.assert_array_equal(got.price[:, 0], [4.0, 2.0])
    assert np.isnan(got.price[0, 1])
    np.testing.assert_array_equal(got.open_days, [True, False, True, False, True])


def test_an_origin_shows_no_future() -> None:
    cut = frame().until(12)
    assert cut.pieces.shape == cut.price.shape == cut.orders.shape == (2, 2)
    assert list(cut.days) == [10, 11]
    assert frame().until(5).pieces.shape == (2, 0)
    assert frame().until(99).pieces.shape == (2, 5)


def test_groups_add_up() -> None:
    tea = frame().by_group()
    assert tea.keys == ("tea",)
    np.testing.assert_array_equal(tea.pieces, [[7, 0, 4, 0, 2]])
    assert tea.price[0, 0] == pytest.approx((2 * 4 + 5 * 2) / 7)


def test_age_counts_from_the_first_sale() -> None:
    assert list(frame().age()) == [5, 5]
    assert list(frame().until(10).age()) == [0, 0]


def test_business_days_follow_the_zone() -> None:
    late = np.array([20_000 * DAY_MS - 1])
    assert days_of(late)[0] == 19_999
    assert days_of(late, 8 * 3_600_000)[0] == 20_000


def test_rows_pick_in_order() -> None:
    assert frame().rows([1, 0]).keys == ("b", "a")


def test_nothing_gives_an_empty_frame() -> None:
    empty = daily_frame([], np.array([], dtype=np.int64), np.array([]), np.array([]), first_day=0, end_day=5)
    assert empty.pieces.shape == (0, 5)


def test_a_frame_that_does_not_fit_is_refused() -> None:
    got = frame()
    with pytest.raises(ValueError, match="distinct"):
        DailyFrame(("a", "a"), 10, got.pieces, got.price, got.orders, got.open_days, got.group)
    with pytest.raises(ValueError, match="do not match"):
        DailyFrame(("a", "b"), 10, got.pieces, got.price, got.orders[:, :2], got.open_days, got.group)
    with pytest.raises(ValueError, match="not negative"):
        DailyFrame(("a", "b"), 10, got.pieces - 9, got.price, got.orders, got.open_days, got.group)
