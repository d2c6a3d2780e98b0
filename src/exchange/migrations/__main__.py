"""python -m exchange.migrations <url>: bring a database to the revision that this exchange needs."""

import sys

from exchange import migrations

if len(sys.argv) != 2:
    raise SystemExit(__doc__)
migrations.upgrade(sys.argv[1])
