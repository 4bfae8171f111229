"""Read models of console, API and command line: plain documents, one query per screen."""

from supplychain.storage.queries.board import Board

__all__ = ["Board"]
