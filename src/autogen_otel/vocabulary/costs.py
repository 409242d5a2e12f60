"""Sources of the cost of a model call: the closed list of values of ``autogen.cost.source``."""

from typing import Final

CONFIG: Final = "config"
"""AutoGen, by the ``price`` of the ``config_list`` entry."""
GENAI_PRICES: Final = "genai-prices"
AUTOGEN: Final = "autogen"
"""AutoGen, by its own table of prices."""

SOURCES: Final = (CONFIG, GENAI_PRICES, AUTOGEN)
