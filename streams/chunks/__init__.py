"""Whole chunks of a partition instead of single messages, and a ledger of what is done.

Faust hands an agent one message at a time and commits what it has acknowledged itself. Both cost: a few thousand events per
second, and offsets committed for work that was cancelled or overtaken. Here the transport hands over everything a fetch
brought from a partition as one `Chunk`; the agent says `chunk.done()` after its effect is durable; the committed offset
follows the longest done prefix of each partition. Topics that are not listed as sources keep Faust's own behaviour.
"""

from streams.chunks.chunk import Chunk, cut, joined
from streams.chunks.custody import BrokerCustody, Custody, Place, Retained
from streams.chunks.gathering import gathered
from streams.chunks.ledger import Entries, Entry, Ledger
from streams.chunks.transport import Intake, LostLogError
from streams.chunks.watchdog import Sight, Watchdog
from streams.chunks.worker import ChunkApp, chunk_topic, faust_settings, make_app, run_worker

__all__ = [
    "BrokerCustody",
    "Chunk",
    "ChunkApp",
    "Custody",
    "Entries",
    "Entry",
    "Intake",
    "Ledger",
    "LostLogError",
    "Place",
    "Retained",
    "Sight",
    "Watchdog",
    "chunk_topic",
    "cut",
    "faust_settings",
    "gathered",
    "joined",
    "make_app",
    "run_worker",
]
