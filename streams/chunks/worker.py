"""Building a Faust app that reads its sources in chunks, and running it inside a process of our own.

Faust's command line brings a web server, its own logging and settings read from the environment. None of that is wanted
here: a worker is one role among others, its parent watches it, and a signal ends it within seconds.
"""

import asyncio
import gc
import logging
import os
import threading
from pathlib import Path
from typing import Any, Final

import faust
from mode import CrashingSupervisor
from mode.utils.queues import ThrowableQueue

from streams.chunks.transport import ChunkConsumer, ChunkTransport, Intake
from streams.chunks.watchdog import Sight, Watchdog

_log = logging.getLogger(__name__)
CRASHED_EXIT: Final = 70
"""Exit code of a worker whose end took too long (the sysexits code for an internal error)."""

_METADATA_MS: Final = 5_000
"""How often a worker asks which partitions there are.

A broker that has just come back answers before it knows its topics. The leader of a group that asks at that moment deals
out nothing, and nobody reads until it asks again: at Kafka's default, for five minutes.
"""


def end_process(code: int) -> None:
    """End this process at once; what is stored makes that safe at any moment."""
    _log.critical("the worker does not leave: ending the process")
    logging.shutdown()
    os._exit(code)


class ChunkSchema(faust.Schema):  # type: ignore[misc]  # Faust is not followed by the type checker
    """Passes chunks on as they are: nothing is decoded before our own code does it, record by record."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """Return the key untouched."""
        return message.key

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """Return the value untouched."""
        return message.value


class OpenQueue(ThrowableQueue[Any]):  # type: ignore[misc]  # Faust is not followed by the type checker
    """What waits for an agent: takes whatever was fetched, and tells when no more should be.

    Faust delivers all topics in one line, and at a full queue it waits. An agent that waits for what another topic has
    shown, as the watcher of sales does in a replay, would then wait for ever. A partition whose agent has enough in hand is
    not fetched again, so a queue exceeds its size by no more than one round of fetching.
    """

    def full(self) -> bool:
        """Never: see above."""
        return False


class ChunkApp(faust.App):  # type: ignore[misc]  # Faust is not followed by the type checker
    """A Faust app whose transport delivers chunks of the sources named in its intake.

    Attributes
    ----------
    farewell_seconds
        How long a crashed app may take to leave.
    stop_seconds
        How long an app that was told to stop may take; less than its parent waits before it kills.
    """

    farewell_seconds = 8.0
    stop_seconds = 15.0

    def __init__(self, name: str, *, intake: Intake, **options: Any) -> None:
        self.intake: Final = intake
        self._last_words: threading.Timer | None = None
        super().__init__(name, **options)

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self, intake=self.intake)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> OpenQueue:  # noqa: N802 - Faust's name
        """Make the queue of an agent."""
        return OpenQueue(maxsize=maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    def _crash(self, reason: BaseException) -> None:
        """Note the crash, and let nothing hold up the end.

        Faust waits for the chunks in work before it leaves, and the crashed agent's chunk is never done: the worker would
        stand there, a member of the group that reads nothing. A chunk in work is repeated by the next owner anyway.
        """
        super()._crash(reason)
        self._leave_within(self.farewell_seconds)

    async def stop(self) -> None:
        """Finish chunks in work, commit and leave the group, for a while.

        Without a broker there is nobody to commit to or to leave, and Faust would wait for one for ever.
        """
        if self._stopped.is_set():  # told before
            return
        self._leave_within(self.stop_seconds)
        await super().stop()
        if self._last_words is not None and not self.crashed:
            self._last_words.cancel()

    def _leave_within(self, seconds: float) -> None:
        if self._last_words is None:
            self._last_words = threading.Timer(seconds, lambda: end_process(CRASHED_EXIT))
            self._last_words.daemon = True
            self._last_words.start()

    def sight(self) -> Sight:
        """Return how far the worker is, for a watchdog in another thread."""
        consumer = self._consumer
        if not isinstance(consumer, ChunkConsumer):
            return Sight("joining", None)
        return consumer.sight()


def faust_settings(
    bootstrap: str,
    *,
    data_dir: Path,
    poll_records: int = 10_000,
    fetch_bytes: int = 4 * 1024 * 1024,
    commit_seconds: float = 0.5,
    session_seconds: float = 6.0,
    instance: str | None = None,
) -> dict[str, Any]:
    """Return the Faust settings that go with the chunk transport.

    Parameters
    ----------
    bootstrap
        Broker addresses, host:port, separated by commas.
    data_dir
        Where Faust may keep files; it keeps none of ours.
    poll_records
        Most records taken from one partition in one round.
    fetch_bytes
        Most bytes asked from a partition, as sent; Kafka's default of 1 MiB halves the speed.
    commit_seconds
        How often done work is committed; bounds what is repeated after a crash.
    session_seconds
        When the broker takes a silent worker for dead.
    instance
        Name of this worker that survives its restart (static membership), so that it gets its partitions back at once.
    """
    return {
        "broker": [f"kafka://{address.strip()}" for address in bootstrap.split(",")],
        "datadir": str(data_dir),
        "store": "memory://",
        "autodiscover": False,
        "web_enabled": False,
        "table_standby_replicas": 1,  # makes Faust use its own assignor, which keeps equal partitions of topics together
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "agent_supervisor": CrashingSupervisor,  # a failed agent ends the worker; its chunk is read again by the next
        "broker_max_poll_records": poll_records,
        "broker_commit_interval": commit_seconds,
        "broker_commit_every": 1_000_000,  # counts acknowledgements, which mean nothing here
        "broker_session_timeout": session_seconds,
        "broker_heartbeat_interval": session_seconds / 5,
        "broker_request_timeout": max(30.0, session_seconds * 2),
        "consumer_max_fetch_size": fetch_bytes,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": _METADATA_MS,
        "consumer_group_instance_id": instance,
        "stream_buffer_maxsize": 10,  # counts chunks
        "stream_wait_empty": True,  # a chunk in work is finished before its partition goes
        "stream_recovery_delay": 0.0,
        "worker_redirect_stdouts": False,
    }


def make_app(name: str, bootstrap: str, intake: Intake, *, data_dir: Path, **overrides: Any) -> ChunkApp:
    """Build an app; `name` is the consumer group.

    Parameters
    ----------
    intake
        Sources read in chunks and the custody of their offsets.
    overrides
        Faust settings that replace those of `faust_settings`, or its own keywords.
    """
    known = {"poll_records", "fetch_bytes", "commit_seconds", "session_seconds", "instance"}
    chosen = {word: overrides.pop(word) for word in known & overrides.keys()}
    return ChunkApp(name, intake=intake, **{**faust_settings(bootstrap, data_dir=data_dir, **chosen), **overrides})


def chunk_topic(app: ChunkApp, topic: str) -> Any:
    """Return the Faust topic to give to an agent that reads `topic` in chunks.

    Raises
    ------
    ValueError
        If the topic is not among the app's sources: its messages would come one by one.
    """
    if topic not in app.intake.sources:
        raise ValueError(f"{topic} is not a source of this app")
    return app.topic(topic, schema=ChunkSchema())


def spare_the_collector() -> None:
    """Let Python look for reference cycles rarely.

    Fetched records are hundreds of thousands of small objects that live for milliseconds and form no cycles; at the default
    threshold the collector takes a third of a worker's time to look through them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def run_worker(app: ChunkApp, *, patience: float = 60.0) -> None:
    """Run the app until SIGTERM or SIGINT, then finish chunks in work, commit and leave the group.

    Logging stays as the process has set it up. A watchdog ends the process when the app is stuck.

    Parameters
    ----------
    patience
        Seconds the watchdog allows without progress.

    Raises
    ------
    SystemExit
        With a code other than 0 when the app crashed, as it does when an agent fails: the parent starts the process again.
    """
    spare_the_collector()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(app, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    with Watchdog(app.sight, patience=patience):
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            if ended.code:  # mode has logged what crashed the app
                raise
