"""How a command says that it cannot do what it was asked."""

from typing import Final

DONE: Final = 0
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


class CommandError(Exception):
    """Ends a command with one sentence on stderr.

    Args:
        sentence: what is wrong and what to do about it.
        code: the exit code.
    """

    def __init__(self, sentence: str, code: int = BAD_INPUT) -> None:
        super().__init__(sentence)
        self.code = code
