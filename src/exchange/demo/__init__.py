"""The demonstration: a story over the real interface, told as it happens, that fails where the exchange does.

`story` is what should happen; read that first. `stage` is the exchange it happens on, `cast` who takes part, `play`
does what a scene says, `oversight` and `narrator` tell it, `proof` has everybody check what concerns them.
"""

from exchange.demo.showing import run

__all__ = ["run"]
