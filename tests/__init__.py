"""The exchange held to its word. The folders mirror src/exchange; the stores that tests run on are in stores.py."""
