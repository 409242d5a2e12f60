"""The journal: spans in local files that Jaeger, the Collector and our command line read.

What no endpoint took is forwarded from here once one answers. Copies that were asked for stay until they are
too old or too many.
"""

from autogen_otel.delivery.journal.files import Kind
from autogen_otel.delivery.journal.folder import (
    DIR_VARIABLE,
    NoFolderError,
    command_for,
    default_dir,
    journal_option,
    resolve_folder,
    write_problem,
)
from autogen_otel.delivery.journal.limits import Limits
from autogen_otel.delivery.journal.writing import Journal

__all__ = [
    "DIR_VARIABLE",
    "Journal",
    "Kind",
    "Limits",
    "NoFolderError",
    "command_for",
    "default_dir",
    "journal_option",
    "resolve_folder",
    "write_problem",
]
