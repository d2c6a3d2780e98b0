"""The directory's door: what officers change in it, and what everybody is shown of it.

`officers` carries changes and their approvals to the trail, `shown` says what is whose to see, `look` writes down who
was shown what is reserved.
"""

from exchange.registry.officers import Recorded, Registry

__all__ = ["Recorded", "Registry"]
