"""The stand-in as a process on the embedded broker: it reads allocations, reports stock, and a signal ends it in order."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from supplychain.broker.embedded import EmbeddedBroker
from supplychain.broker.publisher import Publisher
from supplychain.broker.subscriber import Subscriber
from supplychain.domain.errors import UnavailableError
from supplychain.domain.units import HOUR
from supplychain.messages.codec import STOCK_DECODER, cloud_event
from supplychain.messages.topics import ALLOCATIONS, STOCK, partition_counts
from supplychain.messages.v1 import Movement, Shipment
from supplychain.partner.run import run_partner

AT = 1_794_394_800_000
PROGRAM = """
import sys
from supplychain.partner.run import run_partner
run_partner("127.0.0.1", int(sys.argv[1]), "http://127.0.0.1:9", sys.argv[2], {}, False, 7, ready=lambda: print("ready", flush=True))
print("closed", flush=True)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_allocations_in_stock_out_and_an_orderly_end() -> None:
    movement = Movement("m", "out", 1, None, "create", "line", "A", 20, "WH", "WH-2", AT, AT + HOUR)
    port = free_port()
    with EmbeddedBroker(partition_counts()) as broker, Publisher(broker.bootstrap) as publisher:
        command = [sys.executable, "-c", PROGRAM, str(port), broker.bootstrap]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as partner:
            try:
                assert partner.stdout is not None
                assert partner.stdout.readline() == "ready\n"
                event = cloud_event("movement", "e1", "/planning", "line", AT, movement, "WH")
                publisher.send_and_wait(ALLOCATIONS.name, b"WH", event)
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                    done = client.post("/advance", json={"to": AT + HOUR, "allocations": 1}).json()
                    assert done["stock_published"] == 1
                with Subscriber(broker.bootstrap, "test", [STOCK.name]) as reader:
                    record = reader.poll(10)[0]
                report = STOCK_DECODER.decode(record.value or b"")
                assert (record.key, report) == (
                    b"WH",
                    Shipment("WH", 1, report.as_of, "A", 20, plan_line_id="line", movement_id="m")  # type: ignore[union-attr]  # a tick has none
                )  # fmt: skip
                partner.send_signal(signal.SIGTERM)
                assert partner.stdout.readline() == "closed\n"
                assert partner.wait(10) == 0
            finally:
                partner.kill()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=str(port)):
            run_partner("127.0.0.1", port, "http://127.0.0.1:9", "127.0.0.1:9", {}, False, 7)
