"""``python -m autogen_otel.cli``, for where the script is not on the path."""

import sys

from autogen_otel.cli import main

sys.exit(main())
