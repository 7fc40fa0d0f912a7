"""Pictures in: sources, checks, duplicates, rights, shards, export."""
