"""What is written into a picture, and read back."""
