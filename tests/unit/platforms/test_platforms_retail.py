"""Real transactions as sale events: each line once, exclusions with a reason, priors that look only back."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from supplychain.domain.errors import InvalidInputError, NotFoundError
from supplychain.domain.network import LaneKind
from supplychain.domain.units import HOUR, MINUTE, iso, parse_iso
from supplychain.messages.v1 import Sale, SaleKind
from supplychain.platforms import retail_lines
from supplychain.platforms.network_files import read_catalogue
from supplychain.platforms.network_writer import write_catalogue
from supplychain.platforms.retail import RetailReplay, countries_of, day_session
from supplychain.platforms.retail_lines import ZONE, RetailLines, clean, read_lines
from supplychain.platforms.retail_network import retail_catalogue
from supplychain.platforms.retail_prior import daily_prior

START = parse_iso("2011-09-05", ZONE)
END = parse_iso("2011-09-10", ZONE)


def row(invoice: str, code: str, pieces: int, stamp: str, price: float = 2.55, country: str = "United Kingdom") -> tuple[object, ...]:  # fmt: skip
    return (invoice, code, f"BLUE {code} MUG", pieces, pd.Timestamp(stamp), price, 17850, country)


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    return pd.DataFrame(rows, columns=names)


def history() -> list[tuple[object, ...]]:
    """Six weeks: two lines of product 10001 on each weekday but Saturday, one more of 10002 on Mondays."""
    rows = []
    for number in range(42):
        day = date(2011, 7, 25) + timedelta(days=number)
        if day.weekday() == 5:
            continue
        rows += [row(f"A{number}", "10001", 6, f"{day} 09:10"), row(f"B{number}", "10001a", 6, f"{day} 16:50")]
        rows += [row(f"D{number}", "10001", 12, f"{day} 12:00", country="Germany")]
        if day.weekday() == 0:
            rows += [row(f"E{number}", "10002", 1, f"{day} 11:00", price=12.5)]
    return [("5" + str(one[0])[1:].zfill(5) + str(one[0])[0], *one[1:]) for one in rows]


def lines(*rows: tuple[object, ...]) -> RetailLines:
    return clean(frame(*rows), "f" * 64)


def test_each_line_is_one_event_and_repeated_rows_are_kept() -> None:
    same = row("565080", "20677", 8, "2011-09-05 08:25")
    replay = RetailReplay(lines(same, same, row("C565081", "20677", -3, "2011-09-05 08:26", country="EIRE")))
    sales = [sale for step in replay.steps() for _, sale in step.sales]
    assert len({sale.event_id for sale in sales}) == len(sales) == replay.records == 3
    assert [(sale.kind, sale.qty, sale.region) for sale in sales] == [
        (SaleKind.PAID, 8, "GB"),
        (SaleKind.PAID, 8, "GB"),
        (SaleKind.CANCELLED, 3, "IE"),
    ]
    first = sales[0]
    assert iso(first.occurred_at) == "2011-09-05T07:25:00.000Z", "British summer time"
    assert (first.unit_price_minor, first.currency, first.channel, first.room_id) == (255, "GBP", "shelf", None)
    assert first.session_id == "shop:uk-gifts:2011-09-05"
    assert first.synthetic is False


def test_ids_come_from_the_file_and_the_row() -> None:
    rows = [row("565080", "20677", 8, "2011-09-05 08:25"), row("565080", "20677", 8, "2011-09-05 08:25")]

    def ids(digest: str) -> list[str]:
        return [sale.event_id for step in RetailReplay(clean(frame(*rows), digest)).steps() for _, sale in step.sales]

    assert ids("a" * 64) == ids("a" * 64)
    assert not set(ids("a" * 64)) & set(ids("b" * 64))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("565080", "POST", 1, "2011-09-05 08:25"), retail_lines.NO_PRODUCT),
        (row("565080", "gift_0001_20", 1, "2011-09-05 08:25"), retail_lines.NO_PRODUCT),
        (row("541431", "23166", 74_215, "2011-09-05 08:25"), retail_lines.TOO_MANY),
        (row("C541433", "23166", -74_215, "2011-09-05 08:25"), retail_lines.TOO_MANY),
        (row("565080", "20677", -8, "2011-09-05 08:25"), retail_lines.CORRECTION),
        (row("565080", "20677", 0, "2011-09-05 08:25"), retail_lines.CORRECTION),
        (row("565080", "20677", 8, "2011-09-05 08:25", price=0.0), retail_lines.NO_PRICE),
        (row("565080", "20677", 8, "2011-09-05 08:25", price=float("nan")), retail_lines.NO_PRICE),
        (row("565080", "20677", 8, "2011-09-05 08:25", country="Unspecified"), retail_lines.NO_COUNTRY),
        (("", *row("", "20677", 8, "2011-09-05 08:25")[1:]), retail_lines.INCOMPLETE),
        ((*row("565080", "20677", 8, "2011-09-05 08:25")[:4], pd.NaT, 2.5, 1, "Spain"), retail_lines.INCOMPLETE),
    ],
)
def test_what_is_no_sale_is_excluded_with_its_reason(bad: tuple[object, ...], reason: str) -> None:
    replay = RetailReplay(lines(row("565079", "20677", 8, "2011-09-05 08:20"), bad))
    assert replay.excluded == {reason: 1}
    assert replay.records == 1


def test_every_line_of_a_part_is_either_an_event_or_excluded() -> None:
    rows = [*history(), row("C7", "POST", -1, "2011-08-01 10:00"), row("8", "10001", 1, "2011-09-05 09:00")]
    read = lines(*rows)
    replay = RetailReplay(read, parse_iso("2011-08-01", ZONE), START)
    part = read.between(replay.starts_at, replay.ends_at)
    assert replay.records + sum(replay.excluded.values()) == len(part)
    assert replay.excluded == {retail_lines.NO_PRODUCT: 1}


def test_lower_case_codes_are_the_same_product() -> None:
    read = lines(row("1", "10001a", 1, "2011-09-05 08:25"), row("2", "10001A", 1, "2011-09-05 08:26"))
    assert set(read.sku) == {"10001A"}


def test_priors_know_weekdays_opening_hours_and_only_the_past() -> None:
    read = lines(*history(), *[row(f"9{n}", "10002", 1, "2011-09-06 11:00") for n in range(50)])
    prior = daily_prior(read.between(0, START))
    place = prior.skus.index("10002")
    assert prior.orders[0, place] == pytest.approx(0.5 * 1 + 0.5 * 2 / 12)
    assert prior.orders[1, place] == pytest.approx(0.5 * 2 / 12)
    assert prior.orders[5].sum() == 0
    assert (prior.opens, prior.closes) == (9, 17)
    days = list(prior.days(START, END))
    assert [day.weekday() for day, _, _ in days] == [0, 1, 2, 3, 4]
    assert all(closes - opens == 8 * HOUR for _, opens, closes in days)


def test_the_generated_network_is_a_sound_catalogue() -> None:
    read = lines(*history())
    catalogue = retail_catalogue(read, ["AU"], 7, starts_at=START, ends_at=END, horizon_days=0)
    again, findings = read_catalogue(write_catalogue(catalogue))
    assert (again, findings) == (catalogue, [])
    assert set(catalogue.skus) == {"10001", "10001A", "10002"}
    assert {"AU", "GB", "DE"} <= set(catalogue.regions)
    assert set(catalogue.sessions) == {day_session("uk-gifts", date(2011, 9, day)) for day in range(5, 10)}
    item = catalogue.sessions["shop:uk-gifts:2011-09-05"].item("10001")
    assert item is not None
    assert item.expected_orders == pytest.approx(2.0)
    for offer in catalogue.offers.values():
        assert offer.moq % offer.multiple == 0
        assert any(lane.origin == offer.supplier for lane in catalogue.lanes.values())
    delivered = {lane.destination for lane in catalogue.lanes.values() if lane.kind is LaneKind.DELIVERY}
    assert delivered == set(catalogue.regions)
    assert (catalogue.zone, catalogue.currency) == ("Europe/London", "GBP")


def test_seeds_change_the_network_and_never_the_demand() -> None:
    read = lines(*history())
    one, same, two = (retail_catalogue(read, [], seed, starts_at=START, ends_at=END) for seed in (1, 1, 2))
    assert one == same
    assert one.sessions == two.sessions
    assert one.offers != two.offers


def test_lines_after_the_start_do_not_change_the_catalogue() -> None:
    past = history()
    later = row("99", "77777", 5, "2011-09-07 12:00")
    plain = retail_catalogue(lines(*past), [], 7, starts_at=START, ends_at=END)
    assert retail_catalogue(lines(*past, later), [], 7, starts_at=START, ends_at=END) == plain


def test_parts_without_sales_and_shops_without_a_past_are_refused() -> None:
    read = lines(*history())
    with pytest.raises(InvalidInputError):
        RetailReplay(read, parse_iso("2011-07-30", ZONE), parse_iso("2011-07-31", ZONE))
    with pytest.raises(InvalidInputError):
        retail_catalogue(read, [], 7, starts_at=parse_iso("2011-01-01", ZONE), ends_at=END)


def test_files_are_read_and_others_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_lines(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InvalidInputError):
        read_lines(tmp_path / "text.parquet")
    frame(*history()).drop(columns=["Country"]).to_parquet(tmp_path / "short.parquet")
    with pytest.raises(InvalidInputError):
        read_lines(tmp_path / "short.parquet")
    frame(*history()).to_parquet(tmp_path / "good.parquet")
    assert len(read_lines(tmp_path / "good.parquet")) == len(history())


def test_steps_are_whole_minutes_and_shares_add_up() -> None:
    read = lines(*history())
    replay = RetailReplay(read)
    found: list[Sale] = []
    for step in replay.steps():
        assert step.start % MINUTE == step.end % MINUTE == 0
        assert all(step.start <= sale.occurred_at < step.end for _, sale in step.sales)
        found += [sale for _, sale in step.sales]
    assert len(found) == len(history())
    assert sum(countries_of(read).values()) == pytest.approx(1.0)
    assert list(countries_of(read)) == ["GB", "DE"]
