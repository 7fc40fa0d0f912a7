"""What the studio answers to, a file for each noun."""
