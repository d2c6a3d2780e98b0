"""HTTP, where it begins and where it ends."""
