"""Supplier orders as EDI: an X12 850 or an EDIFACT ORDERS, for suppliers whose systems read nothing younger.

Both are written from the same order that a webhook would carry, and the same order gives the same bytes. Our ids are
UUIDs, longer than EDI's fields for order numbers: the number is a shortened id, and the whole one stands beside it.

Source: ASC X12 005010 (transaction set 850), UN/EDIFACT D.01B (ORDERS), syntax ISO 9735 version 3.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.units import SECOND
from supplychain.messages.codec import decode_json
from supplychain.messages.v1 import OrderLine, SupplierOrder
from supplychain.planning.ports import Message

FileFormat = Literal["json", "x12", "edifact"]
SUFFIX: Final[dict[FileFormat, str]] = {"json": ".json", "x12": ".x12", "edifact": ".edi"}

_NO_MINOR_UNITS: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})
"""Currencies of the trade whose minor unit is the whole (ISO 4217 exponent 0); all others have two digits."""
_X12_DELIMITERS: Final = "*~:^"


def render(message: Message, form: FileFormat, sender: str) -> bytes:
    """Return an order in the form wanted; JSON is the event as it was released.

    Parameters
    ----------
    sender
        Our id with the supplier, at most 15 characters.

    Raises
    ------
    InvalidInputError
        If the order holds an id that the form cannot carry: a changed id would name something else.
    """
    if form == "json":
        return message.payload
    try:
        order = msgspec.convert(decode_json(message.payload)["data"], SupplierOrder)
    except (msgspec.MsgspecError, KeyError, TypeError) as fault:
        raise InvalidInputError(f"message {message.message} carries no supplier order: {fault}") from None
    write: Callable[[SupplierOrder, str, int], bytes] = x12_850 if form == "x12" else edifact_orders
    return write(order, sender, message.serial)


def x12_850(order: SupplierOrder, sender: str, control: int) -> bytes:
    """Return an interchange with one purchase order 850.

    Parameters
    ----------
    control
        Number of the interchange; its last nine digits are used.

    Raises
    ------
    InvalidInputError
        If a value is too long, or holds a delimiter or a sign outside ASCII: X12 knows no escape.
    """
    number = f"{control % 10**9:09d}"
    at = _moment(order.released_at)
    body = [
        ["ST", "850", "0001"],
        ["BEG", "00", "NE", _short(order.order_id, 22), "", f"{at:%Y%m%d}"],
        ["CUR", "BY", order.currency],
        ["REF", "ZZ", order.order_id],
    ]
    for index, line in enumerate(order.lines, 1):
        body += _x12_line(index, line, order.currency)
    body += [["CTT", str(len(order.lines))], ["AMT", "TT", _money(_total(order), order.currency)]]
    body.append(["SE", str(len(body) + 1), "0001"])
    parties = ["ZZ", _party(sender), "ZZ", _party(order.supplier)]
    nobody, date, clock = ["00", " " * 10], f"{at:%y%m%d}", f"{at:%H%M}"
    isa = ["ISA", *nobody, *nobody, *parties, date, clock, "^", "00501", number, "0", "P", ":"]
    rest = [
        ["GS", "PO", sender, order.supplier, f"{at:%Y%m%d}", clock, str(int(number)), "X", "005010"],
        *body,
        ["GE", "1", str(int(number))],
        ["IEA", "1", number],
    ]
    segments = ["*".join(isa), *("*".join(map(_x12_value, segment)) for segment in rest)]  # ISA holds the delimiters
    return "".join(f"{segment}~\n" for segment in segments).encode("ascii")


def edifact_orders(order: SupplierOrder, sender: str, control: int) -> bytes:
    """Return an interchange with one purchase order ORDERS; parameters as for `x12_850`.

    Raises
    ------
    InvalidInputError
        If a value is too long or holds a sign outside Latin-1.
    """
    reference, at = str(control % 10**14), _moment(order.released_at)
    body: list[list[str | list[str]]] = [
        ["UNH", "1", ["ORDERS", "D", "01B", "UN"]],
        ["BGM", "220", _short(order.order_id, 35), "9"],
        ["DTM", ["137", f"{at:%Y%m%d%H%M}", "203"]],
        ["NAD", "BY", [sender, "", "92"]],
        ["NAD", "SU", [order.supplier, "", "92"]],
        ["CUX", ["2", order.currency, "9"]],
    ]
    for index, line in enumerate(order.lines, 1):
        body += _edifact_line(index, line, order.currency)
    body += [
        ["UNS", "S"],
        ["MOA", ["86", _money(_total(order), order.currency)]],
        ["CNT", ["2", str(len(order.lines))]],
    ]
    body.append(["UNT", str(len(body) + 1), "1"])
    opening: list[str | list[str]] = ["UNB", ["UNOC", "3"], sender, order.supplier]
    opening += [[f"{at:%y%m%d}", f"{at:%H%M}"], reference]
    segments: list[list[str | list[str]]] = [opening, *body, ["UNZ", "1", reference]]
    return ("UNA:+.? '\n" + "".join(f"{_edifact_segment(segment)}'\n" for segment in segments)).encode("latin-1")


def _x12_line(index: int, line: OrderLine, currency: str) -> list[list[str]]:
    due = _moment(line.deliver_by)
    offer = ["VN", line.offer] if line.offer else []
    price = _money(line.unit_cost_minor, currency)
    return [
        ["PO1", str(index), str(line.pieces), "EA", price, "PE", "BP", line.sku, *offer],
        *([["PID", "F", "", "", "", "EXPEDITE"]] if line.mode == "expedite" else []),
        ["REF", "ZZ", line.plan_line_id],
        ["DTM", "002", f"{due:%Y%m%d}", f"{due:%H%M}", "UT"],
        ["N1", "ST", "", "92", line.deliver_to],
    ]


def _edifact_line(index: int, line: OrderLine, currency: str) -> list[list[str | list[str]]]:
    offer: list[list[str | list[str]]] = [["PIA", "5", [line.offer, "SA"]]] if line.offer else []
    haste: list[list[str | list[str]]] = [["FTX", "DEL", "", "", "EXPEDITE"]] if line.mode == "expedite" else []
    return [
        ["LIN", str(index), "", [line.sku, "BP"]],
        *offer,
        ["QTY", ["21", str(line.pieces), "C62"]],
        ["DTM", ["2", f"{_moment(line.deliver_by):%Y%m%d%H%M}", "203"]],
        *haste,
        ["PRI", ["AAA", _money(line.unit_cost_minor, currency)]],
        ["RFF", ["LI", _short(line.plan_line_id, 35)]],
        ["NAD", "DP", [line.deliver_to, "", "92"]],
    ]


def _edifact_segment(segment: list[str | list[str]]) -> str:
    return "+".join(
        ":".join(_edifact_value(part) for part in element) if isinstance(element, list) else _edifact_value(element)
        for element in segment
    )


def _edifact_value(value: str) -> str:
    if len(value) > 35 or not value.isprintable() or any(ord(sign) > 255 for sign in value):
        raise _cannot(value, "EDIFACT (level C: Latin-1, 35 signs)")
    return "".join(f"?{sign}" if sign in "?+:'" else sign for sign in value)


def _x12_value(value: str) -> str:
    plain = value.isascii() and value.isprintable()
    if not plain or len(value) > 50 or any(sign in _X12_DELIMITERS for sign in value):
        raise _cannot(value, "X12 (ASCII without * ~ : ^, 50 signs)")
    return value


def _party(name: str) -> str:
    if len(name) > 15:
        raise _cannot(name, "the 15 signs of an X12 party")
    return _x12_value(name).ljust(15)


def _cannot(value: str, form: str) -> InvalidInputError:
    detail = f"{value!r} does not fit {form}"
    return InvalidInputError(detail, way_out="give the supplier JSON files or a webhook, or change the id", value=value)


def _short(identity: str, length: int) -> str:
    """Return an id that fits an EDI number: a UUID loses its hyphens and, for X12, its last digits."""
    return identity if len(identity) <= length else identity.replace("-", "")[:length]


def _money(minor: int, currency: str) -> str:
    return str(minor) if currency in _NO_MINOR_UNITS else str(Decimal(minor).scaleb(-2).quantize(Decimal("0.01")))


def _total(order: SupplierOrder) -> int:
    return sum(line.pieces * line.unit_cost_minor for line in order.lines)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC)
