"""Problems of a model's answer: the closed list of values of ``autogen.response.problem``."""

from typing import Final

CUT_AT_TOKEN_LIMIT: Final = "cut_at_token_limit"  # noqa: S105 - no password
CONTENT_FILTER: Final = "content_filter"
REFUSAL: Final = "refusal"
EMPTY: Final = "empty"

PROBLEMS: Final = (CUT_AT_TOKEN_LIMIT, CONTENT_FILTER, REFUSAL, EMPTY)
NO_FAILURE: Final = (CUT_AT_TOKEN_LIMIT, EMPTY, REFUSAL)
"""AutoGen goes on with such an answer as with any other, and seldom does anybody want it."""
