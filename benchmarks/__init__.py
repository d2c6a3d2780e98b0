"""What the exchange costs, measured: `make bench`, or `make bench ONLY=floor,submit`."""
