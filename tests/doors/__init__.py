"""The doors as their visitors find them: a real exchange behind a real socket, on each store."""
