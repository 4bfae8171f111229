"""`supplychain record` and `supplychain simulate`: evenings as files, for `supplychain replay --format events`.

A recording holds what senders wrote, one JSON object per line: sales and engagement. Warehouse reports stay out, since a
replay has warehouses of its own. Nothing in it names a buyer, because no payload can.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from supplychain.bootstrap import wall_now
from supplychain.broker.subscriber import Record, Subscriber
from supplychain.cli.context import Config, DataDir, opened
from supplychain.cli.output import Json, pairs, show_json
from supplychain.cli.setup import read_network
from supplychain.domain.errors import ConflictError, UnavailableError
from supplychain.domain.units import SECOND
from supplychain.messages.codec import encode
from supplychain.messages.step import Step
from supplychain.messages.topics import ENGAGEMENT, SALES
from supplychain.processes.config_files import config_file
from supplychain.simulate.evening import Evening

_TICK = b'{"type":"tick"'
_QUIET_SECONDS = 2.0

Target = Annotated[Path, typer.Argument(help="File to write; one that exists is refused.")]


def simulate(
    file: Target,
    seed: Annotated[int, typer.Option(help="Seed of the evening.", min=0)] = 7,
    scale: Annotated[float, typer.Option(help="How much the rooms sell, 1 is as planned.", min=0.01, max=100)] = 1.0,
    network: Annotated[
        Path | None, typer.Option(help="Folder of network files; the sample network when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a simulated evening (synthetic data) as a recording."""
    evening = Evening(read_network(network or config_file("network")), seed, scale=scale)
    _told(file, _write(file, _lines_of(evening.steps(5 * SECOND))), json=json)


def record(file: Target, config: Config = None, data_dir: DataDir = None, json: Json = False) -> None:
    """Write the sales and engagement that the broker of a running service still holds as a recording."""
    with opened(config, data_dir) as services:
        bootstrap = services.broker.bootstrap
    with Subscriber(bootstrap, "record", [SALES.name, ENGAGEMENT.name]) as reader:
        _told(file, _write(file, _held(reader)), json=json)


def _held(reader: Subscriber) -> Iterator[tuple[str, bytes]]:
    """Yield what was written before now; a topic that still grows has an end all the same."""
    until = wall_now()
    heard = time.monotonic()
    while time.monotonic() - heard < _QUIET_SECONDS:
        found: list[Record] = reader.poll(0.5)
        fresh = [one for one in found if one.timestamp <= until]
        if fresh:
            heard = time.monotonic()
        yield from ((one.topic, one.value) for one in fresh if one.value and not one.value.startswith(_TICK))


def _lines_of(steps: Iterable[Step]) -> Iterator[tuple[str, bytes]]:
    for step in steps:
        yield from ((SALES.name, encode(sale)) for _, sale in step.sales)
        yield from ((SALES.name, raw) for _, raw in step.raw)
        yield from ((ENGAGEMENT.name, encode(signal)) for _, signal in step.engagement)


def _write(file: Path, rows: Iterable[tuple[str, bytes]]) -> Counter[str]:
    """Write one record per line and return how many there are by topic.

    Raises
    ------
    ConflictError
        If the file exists.
    UnavailableError
        If it cannot be written.
    """
    counts: Counter[str] = Counter()
    try:
        with file.open("xb") as out:
            for topic, value in rows:
                out.write(value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
                counts[topic] += 1
    except FileExistsError:
        raise ConflictError(f"{file} exists already", way_out="choose another name") from None
    except OSError as fault:
        raise UnavailableError(f"{file} cannot be written: {fault.strerror}", way_out="choose another place") from fault
    return counts


def _told(file: Path, counts: Counter[str], *, json: bool) -> None:
    document = {"file": str(file), "events": sum(counts.values()), **{topic: counts[topic] for topic in sorted(counts)}}
    if json:
        show_json(document)
    else:
        pairs("Recording", document)
