"""EDI orders read back to what was ordered, by readers that know nothing of the writer."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supplychain.dispatch.edi import edifact_orders, render, x12_850
from supplychain.dispatch.file_drop import FileDrop
from supplychain.dispatch.outcome import Verdict
from supplychain.domain.errors import InvalidInputError
from supplychain.messages.codec import cloud_event
from supplychain.messages.v1 import OrderLine, SupplierOrder
from supplychain.planning.ports import Message

AT = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
ORDER_ID = "0b0d3c9e-5f0c-5d8e-9a61-1f2e3d4c5b6a"
LINE_ID = "7a1d3c9e-5f0c-5d8e-9a61-1f2e3d4c5b6a"


def _line(**changed: object) -> OrderLine:
    values: dict[str, object] = {
        "plan_line_id": LINE_ID,
        "sku": "SKU-1",
        "pieces": 120,
        "unit_cost_minor": 1_205,
        "offer": "O1",
        "mode": "normal",
        "deliver_to": "WH-1",
        "deliver_by": AT + 3_600_000,
    }
    return OrderLine(**{**values, **changed})  # type: ignore[arg-type]  # one record from defaults and changes


def _order(*lines: OrderLine, currency: str = "CNY", supplier: str = "S1") -> SupplierOrder:
    return SupplierOrder(ORDER_ID, supplier, "P1", AT, currency, list(lines))


def _read_x12(data: bytes) -> list[list[str]]:
    text = data.decode("ascii")
    element, terminator = text[3], text[105]
    return [segment.strip("\n").split(element) for segment in text.split(terminator) if segment.strip()]


def _read_edifact(data: bytes) -> list[list[list[str]]]:
    text = data.decode("latin-1")
    assert text.startswith("UNA:+.? '")

    def split(part: str, sign: str) -> list[str]:
        return re.findall(rf"((?:\?.|[^?{re.escape(sign)}])*)(?:{re.escape(sign)}|$)", part)[
            : len(re.findall(rf"(?<!\?)(?:\?\?)*{re.escape(sign)}", part)) + 1
        ]

    segments = [part.lstrip("\n") for part in split(text[9:], "'") if part.strip()]
    return [
        [[re.sub(r"\?(.)", r"\1", value) for value in split(element, ":")] for element in split(segment, "+")]
        for segment in segments
    ]


def test_an_850_keeps_the_fixed_envelope_and_its_counts() -> None:
    data = x12_850(_order(_line(), _line(sku="SKU-2", pieces=30)), "US", 1_000_000_042)
    isa = data.decode().split("~")[0]
    assert len(isa) + 1 == 106
    segments = _read_x12(data)
    assert segments[0][6] == "US".ljust(15)
    assert segments[0][8] == "S1".ljust(15)
    assert segments[0][13] == "000000042"
    names = [segment[0] for segment in segments]
    assert names == (
        ["ISA", "GS", "ST", "BEG", "CUR", "REF"] + ["PO1", "REF", "DTM", "N1"] * 2 + ["CTT", "AMT", "SE", "GE", "IEA"]
    )
    found = {segment[0]: segment for segment in segments}
    assert int(found["SE"][1]) == names.index("SE") - names.index("ST") + 1
    assert found["ST"][2] == found["SE"][2]
    assert found["GS"][6] == found["GE"][2] == "42"
    assert found["IEA"][2] == segments[0][13]


def test_an_850_says_what_is_ordered() -> None:
    segments = _read_x12(x12_850(_order(_line(mode="expedite")), "US", 1))
    found = {segment[0]: segment for segment in segments}
    assert found["BEG"] == ["BEG", "00", "NE", "0b0d3c9e5f0c5d8e9a611f", "", "20231114"]
    assert found["PO1"] == ["PO1", "1", "120", "EA", "12.05", "PE", "BP", "SKU-1", "VN", "O1"]
    assert found["PID"][-1] == "EXPEDITE"
    assert found["DTM"] == ["DTM", "002", "20231114", "2313", "UT"]
    assert found["N1"] == ["N1", "ST", "", "92", "WH-1"]
    assert found["AMT"] == ["AMT", "TT", "1446.00"]
    assert [segment[2] for segment in segments if segment[0] == "REF"] == [ORDER_ID, LINE_ID]


def test_an_orders_message_says_what_is_ordered() -> None:
    segments = _read_edifact(edifact_orders(_order(_line(mode="expedite")), "US", 7))
    found = {segment[0][0]: segment[1:] for segment in segments}
    assert found["UNB"] == [["UNOC", "3"], ["US"], ["S1"], ["231114", "2213"], ["7"]]
    assert found["BGM"] == [["220"], [ORDER_ID.replace("-", "")], ["9"]]
    assert found["LIN"] == [["1"], [""], ["SKU-1", "BP"]]
    assert found["QTY"] == [["21", "120", "C62"]]
    assert found["PRI"] == [["AAA", "12.05"]]
    assert found["RFF"] == [["LI", LINE_ID.replace("-", "")]]
    assert found["FTX"][-1] == ["EXPEDITE"]
    assert found["MOA"] == [["86", "1446.00"]]
    names = [segment[0][0] for segment in segments]
    assert int(found["UNT"][0][0]) == names.index("UNT") - names.index("UNH") + 1


_LATIN = st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\xad"), min_size=1, max_size=20
)


@settings(deadline=None)
@given(st.lists(st.tuples(_LATIN.filter(str.isprintable), st.integers(1, 10**6)), min_size=1, max_size=4))
def test_whatever_an_id_holds_edifact_brings_it_back(lines: list[tuple[str, int]]) -> None:
    order = _order(*(_line(sku=sku, pieces=pieces, deliver_to=sku) for sku, pieces in lines))
    segments = _read_edifact(edifact_orders(order, "US", 1))
    skus = [segment[3][0] for segment in segments if segment[0] == ["LIN"]]
    pieces = [int(segment[1][1]) for segment in segments if segment[0] == ["QTY"]]
    places = [segment[2][0] for segment in segments if segment[0] == ["NAD"] and segment[1] == ["DP"]]
    assert list(zip(skus, pieces, strict=True)) == lines
    assert places == skus


@pytest.mark.parametrize("sku", ["A*B", "A~B", "A:B", "A^B", "款式", "A\nB", "x" * 51])
def test_x12_refuses_what_it_cannot_carry(sku: str) -> None:
    with pytest.raises(InvalidInputError, match="does not fit"):
        x12_850(_order(_line(sku=sku)), "US", 1)


@pytest.mark.parametrize("supplier", ["S" * 16, "供应商", "S*1"])
def test_x12_refuses_a_party_it_cannot_carry(supplier: str) -> None:
    with pytest.raises(InvalidInputError):
        x12_850(_order(_line(), supplier=supplier), "US", 1)


@pytest.mark.parametrize(
    ("minor", "currency", "text"), [(5, "CNY", "0.05"), (100, "USD", "1.00"), (1_205, "JPY", "1205")]
)
def test_money_has_the_digits_of_its_currency(minor: int, currency: str, text: str) -> None:
    segments = _read_x12(x12_850(_order(_line(unit_cost_minor=minor), currency=currency), "US", 1))
    assert next(segment[4] for segment in segments if segment[0] == "PO1") == text


def _message(lane: str, sku: str = "SKU-1") -> Message:
    body = cloud_event("order", ORDER_ID, "/us", ORDER_ID, AT, _order(_line(sku=sku), supplier=lane), lane)
    return Message(ORDER_ID, "file", lane, "order", body, (), AT, serial=3)


def test_each_supplier_gets_its_form(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path, {"S1": "x12", "S2": "edifact"}, "US")
    for lane in ("S1", "S2", "S3"):
        assert drop.deliver(_message(lane)).verdict is Verdict.DELIVERED
    written = {path.parent.name: path for path in tmp_path.glob("*/*")}
    assert [written[lane].suffix for lane in ("S1", "S2", "S3")] == [".x12", ".edi", ".json"]
    assert written["S1"].read_bytes().startswith(b"ISA*")
    assert written["S2"].read_bytes().startswith(b"UNA")
    assert written["S3"].read_bytes() == _message("S3").payload


def test_an_order_that_does_not_fit_its_form_is_parked(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path, {"S1": "x12"})
    assert drop.deliver(_message("S1", sku="款式")).verdict is Verdict.PARK
    broken = Message(ORDER_ID, "file", "S1", "order", b'{"id":1}', (), AT)
    assert drop.deliver(broken).verdict is Verdict.PARK
    assert list(tmp_path.iterdir()) == []


def test_the_same_order_gives_the_same_bytes() -> None:
    for form in ("x12", "edifact", "json"):
        assert render(_message("S1"), form, "US") == render(_message("S1"), form, "US")
