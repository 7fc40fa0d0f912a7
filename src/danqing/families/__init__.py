"""One file per family of generator."""
