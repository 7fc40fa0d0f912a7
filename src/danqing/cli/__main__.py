"""`python -m danqing.cli`."""

from danqing.cli import main

main()
