"""Where a painter is registered, saved and opened."""
