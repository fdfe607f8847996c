"""`python -m rom.cli`: the `rom` command, also where it is not installed."""

from rom.cli import main

main()
