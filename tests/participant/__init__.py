"""The directory: its values, its changes, and the fold that makes one of the other."""
