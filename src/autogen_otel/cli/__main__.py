"""``python -m autogen_otel.cli``, for users whose path does not have the script."""

import sys

from autogen_otel.cli import main

sys.exit(main())
