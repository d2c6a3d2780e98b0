"""A secure information-exchange message broker: signed, classified messages, checked, routed and proven."""
