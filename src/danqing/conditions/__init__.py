"""Text, style, palette: read from pictures, asked for by wishes, measured in paintings."""
