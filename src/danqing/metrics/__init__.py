"""One file per way to measure sets of pictures by their features."""
