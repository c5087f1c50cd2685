"""A database written to files, its changes written after it, and both brought back."""
