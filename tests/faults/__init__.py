"""What may go wrong, done on purpose to a real exchange: real sockets, real databases, processes that die."""
