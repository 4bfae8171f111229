"""Reading network files: the sample is sound, and every fault is named with file, line and field."""

from pathlib import Path

import pytest

from supplychain.domain.network import Channel, WarehouseKind
from supplychain.domain.units import HOUR, iso
from supplychain.platforms.cells import Finding, check_digit
from supplychain.platforms.network_files import FILES, read_catalogue
from supplychain.platforms.network_writer import write_catalogue

SAMPLE = Path(__file__).parents[3] / "config" / "network"


def sample() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(SAMPLE.iterdir())}


def findings(**changed: str | None) -> list[Finding]:
    """Return the findings of the sample with files replaced; `skus_csv=None` leaves the file out."""
    files = sample()
    for name, text in changed.items():
        file = name[::-1].replace("_", ".", 1)[::-1]
        if text is None:
            files.pop(file)
        else:
            files[file] = text
    catalogue, found = read_catalogue(files)
    assert (catalogue is None) == bool(found)
    return found


def replaced(file: str, old: str, new: str) -> list[Finding]:
    text = sample()[file]
    assert old in text
    return findings(**{file.replace(".", "_"): text.replace(old, new, 1)})


def line_with(file: str, part: str) -> int:
    return next(number for number, line in enumerate(sample()[file].split("\n"), 1) if part in line)


def test_sample_network_is_sound_and_carries_the_whole_trade() -> None:
    catalogue, found = read_catalogue(sample())
    assert found == []
    assert catalogue is not None
    assert {one.kind for one in catalogue.warehouses.values()} == set(WarehouseKind)
    assert len({lane.kind for lane in catalogue.lanes.values()}) == 3
    assert sum(bool(sku.components) for sku in catalogue.skus.values()) == 4
    assert any(sku.live_exclusive and sku.sale_cap_run and sku.run_ends_at for sku in catalogue.skus.values())
    assert any(offer.expedite and offer.tiers for offer in catalogue.offers.values())
    assert any(item.presale for session in catalogue.sessions.values() for item in session.items)
    assert all(set(catalogue.exploded(sku)) for sku in catalogue.skus)
    first = catalogue.sessions["lin-2026-11-11"]
    assert iso(first.starts_at) == "2026-11-11T11:00:00.000Z"
    assert first.ends_at - first.starts_at == 3 * HOUR
    serum = catalogue.sku("BEA-SERUM")
    assert (
        serum.price_at(first.starts_at, Channel.LIVE)
        < serum.price_at(first.starts_at, Channel.SHELF)
        < serum.price_minor
    )


def test_every_sku_can_be_bought_and_delivered_to_every_region() -> None:
    catalogue, _ = read_catalogue(sample())
    assert catalogue is not None
    reached = {lane.destination for lane in catalogue.lanes.values()}
    assert set(catalogue.regions) <= reached
    for sku in catalogue.skus:
        for part in catalogue.exploded(sku):
            assert catalogue.offers_of[part.sku]
            for offer in catalogue.offers_of[part.sku]:
                assert any(lane.origin == offer.supplier for lane in catalogue.lanes.values())


def test_writing_the_sample_gives_its_files_back() -> None:
    catalogue, _ = read_catalogue(sample())
    assert catalogue is not None
    files = sample()
    files.pop("README.md")
    assert write_catalogue(catalogue) == files


@pytest.mark.parametrize(
    ("file", "old", "new", "part", "field", "message"),
    [
        ("skus.csv", "5900,1500,260", "59.00,1500,260", "BEA-CLEANSER", "price_minor", "whole number"),
        ("skus.csv", "6990000010014", "6990000010015", "BEA-CLEANSER", "gtin", "expected 4"),
        ("skus.csv", "6990000010014", "699000001001", "BEA-CLEANSER", "gtin", "check digit"),
        ("skus.csv", "5900,1500,260", ",1500,260", "BEA-CLEANSER", "price_minor", "required"),
        ("skus.csv", "5900,1500,260", "5900,-1,260", "BEA-CLEANSER", "unit_cost_minor", "between"),
        ("skus.csv", "BEA-LIP\n", "BEA-LAP\n", "BEA-LIP-LIVE", "similar_to", "no such sku"),
        ("skus.csv", "BEA-SERUM,", "BEA-CLEANSER,", "BEA-SERUM", "sku", "first in line 2"),
        ("components.csv", "SET-GLOW,BEA-SERUM,1", "SET-GLOW,BEA-SERUM,0", "SET-GLOW,BEA-SERUM", "pieces", "between"),
        ("components.csv", "SET-GLOW,BEA-SERUM,1", "SET-GLOW,SET-GLOW,1", "SET-GLOW,BEA-SERUM", "sku", "contains itself"),
        ("prices.csv", "live,10590", "radio,10590", "live,10590", "channel", "choose one of"),
        ("prices.csv", "2026-11-12T00:00:00+08:00", "2026-11-10T00:00:00", "BEA-SERUM,live", "ends_at", "before it starts"),
        ("suppliers.csv", "2880,5760", "2880,2879", "SUP-QINGMU", "commit_fence_minutes", "before the firm"),
        ("suppliers.csv", "06:00,24:00", "06:00,05:00", "SUP-WUZHEN", "closes", "not after opening"),
        ("suppliers.csv", "mon tue", "mon mon", "SUP-QINGMU", "weekdays", "twice"),
        ("offers.csv", ",300,120", ",300,", "OF-BEA-CLEANSER", "expedite_lead_time_minutes", "both"),
        ("offers.csv", ",300,120", ",600,120", "OF-BEA-CLEANSER", "expedite_lead_time_minutes", "not faster"),
        ("offers.csv", "SUP-QINGMU", "SUP-NOBODY", "OF-BEA-CLEANSER", "supplier", "no such supplier"),
        ("offers.csv", "SUP-QINGMU,BEA-CLEANSER", "SUP-QINGMU,SET-GLOW", "OF-BEA-CLEANSER", "sku", "a bundle is made"),
        ("tiers.csv", "OF-BEA-CLEANSER,800", "OF-BEA-NOTHING,800", "OF-BEA-CLEANSER,800", "offer", "no such offer"),
        ("warehouses.csv", "central,CN-ZJ", "central,CN-XX", "WH-HZ", "region", "no such code"),
        ("lanes.csv", "SUP-QINGMU,WH-HZ", "WH-GZ,WH-HZ", "SUP-QINGMU-HZ", "origin", "supplier_warehouse lane"),
        ("lanes.csv", "23:30", "25:30", "TRF-HZ-GZ", "cut_off", "time of day"),
        ("stock.csv", "1000,600,150", "1000,900,150", "WH-HZ,BEA-CLEANSER", "on_hand", "more is ring-fenced"),
        ("regions.csv", "0.16", "nan", "CN-ZJ", "weight", "finite"),
        ("network.toml", "Asia/Shanghai", "Asia/Atlantis", "zone", "zone", "no such time zone"),
        ("network.toml", '"CNY"', '"yuan"', "currency", "currency", "three capital letters"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_line_and_field(
    file: str, old: str, new: str, part: str, field: str, message: str
) -> None:
    found = replaced(file, old, new)
    named = [one for one in found if (one.file, one.line, one.field) == (file, line_with(file, part), field)]
    assert named, found
    assert message in named[0].message


@pytest.mark.parametrize(
    ("old", "new", "part", "field", "message"),
    [
        ("expected_orders = 2300.0", "expected_orders = -1.0", "expected_orders = 2300", "items.expected_orders", "between"),
        ('sku = "BEA-SERUM"', 'sku = "BEA-VENOM"', '"BEA-SERUM"', "items.sku", "no such SKU"),
        ('sku = "BEA-MASK"', 'sku = "BEA-SERUM"', '"BEA-MASK"', "items.sku", "comes twice"),
        ("ends_at = 2026-11-11T22:00:00+08:00", "ends_at = '2026-11-11T18:00'", "ends_at = 2026-11-11T22", "ends_at", "before"),
        ("cap = 3600", "cap = 3601", "cap = 3600", "items.cap", "above the cap"),
        ('host = "lin-xiaoyu"', 'hots = "lin-xiaoyu"', 'host = "lin-xiaoyu"', "hots", "unknown key"),
        ("strength = 5.0", "strength = inf", "strength = 5.0", "slots.strength", "finite"),
        ("expected_viewers = 42000", "expected_viewers = [1]", "expected_viewers = 42000", "expected_viewers", "single value"),
        ('room = "room-wang"', 'room = "room-lin"', '[[sessions]]\nsession = "wang', "starts_at", "at the same time"),
    ],
)  # fmt: skip
def test_a_fault_in_a_session_is_named_with_its_line(old: str, new: str, part: str, field: str, message: str) -> None:
    found = replaced("sessions.toml", old, new)
    named = [one for one in found if one.field == field and message in one.message]
    assert named, found
    if "\n" not in part:
        assert named[0].line == line_with("sessions.toml", part)
    else:
        room = line_with("sessions.toml", 'session = "wang')
        assert room <= named[0].line < room + 10


def test_all_faults_of_all_files_come_at_once() -> None:
    found = findings(
        skus_csv=sample()["skus.csv"].replace("5900,1500", "x,y", 1),
        regions_csv="code,name,weight\nCN-ZJ,Zhejiang,much\n",
        network_toml='zone = "Nowhere"\n',
    )
    assert {("skus.csv", "price_minor"), ("skus.csv", "unit_cost_minor"), ("regions.csv", "weight")} <= {
        (one.file, one.field) for one in found
    }
    assert any(one.file == "network.toml" for one in found)
    assert any(one.file == "warehouses.csv" and one.value == "CN-GD" for one in found)


def test_missing_unknown_and_unreadable_files() -> None:
    assert [(one.file, one.message) for one in findings(offers_csv=None, tiers_csv=None)] == [
        ("offers.csv", "the file is missing")
    ]
    assert [one.file for one in findings(skus_csv=None)] == ["skus.csv"], "what hangs on a missing file is not blamed"
    assert findings(sessions_toml=None, stock_csv=None, prices_csv=None) == []
    assert [one.file for one in findings(stocks_csv="a,b\n")] == ["stocks.csv"]
    catalogue, found = read_catalogue({**sample(), "tiers.csv": b"offer,from_pieces,unit_cost_minor\n\xff\xfe,1,2\n"})
    assert catalogue is None
    assert (found[0].file, found[0].line) == ("tiers.csv", 2)
    catalogue, found = read_catalogue({})
    assert {one.file for one in found} == set(FILES) - {
        "components.csv",
        "prices.csv",
        "tiers.csv",
        "stock.csv",
        "sessions.toml",
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("code,name,weight,colour\nCN-ZJ,Zhejiang,1,red\n", 1, "unknown column"),
        ("code,weight\nCN-ZJ,1\n", 1, "the column is missing"),
        ("code,name,name\nCN-ZJ,a,b\n", 1, "comes twice"),
        ("code,name\nCN-ZJ\n", 2, "1 cells, the header 2"),
        ("", 1, "no header"),
        ('code,name\nCN-ZJ,"open\n', 2, "no readable CSV"),
        ("code,name\n\n\nCN ZJ,Zhejiang\n", 4, "no blanks"),
    ],
)
def test_faults_in_the_shape_of_a_table(text: str, line: int, message: str) -> None:
    found = [one for one in findings(regions_csv=text) if one.file == "regions.csv"]
    assert any(one.line == line and message in one.message for one in found), found


def test_spreadsheet_habits_are_read() -> None:
    text = sample()["regions.csv"]
    rows = [line.split(",") for line in text.strip().split("\n")]
    quoted = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    plain, _ = read_catalogue(sample())
    read, found = read_catalogue({**sample(), "regions.csv": ("\ufeff" + quoted + "\r\n\r\n,,\r\n").encode()})
    assert found == []
    assert read == plain


def test_line_numbers_survive_quoted_line_breaks() -> None:
    found = findings(regions_csv='code,name\nCN-ZJ,"two\nlines"\nCN GD,Guangdong\n')
    lines = {(one.line, one.field) for one in found if one.file == "regions.csv"}
    assert {(2, "name"), (4, "code")} <= lines


@pytest.mark.parametrize(
    "text", ["sessions = 5", "[[sessions", "a = " + "9" * 5000, "[sessions]\nroom = 1", "sessions = [1]"]
)
def test_a_broken_session_file_is_a_finding(text: str) -> None:
    found = findings(sessions_toml=text)
    assert found
    assert {one.file for one in found} == {"sessions.toml"}


def test_check_digits_of_published_examples() -> None:
    assert check_digit("629104150021") == 3
    assert check_digit("9638507") == 4
