"""`python -m supplychain` is the command line."""

from supplychain.cli import main

main()
