"""A tool as a trace names it, called again as AutoGen called it: for the tests that ``repro`` writes."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autogen_otel.operations.tools import tool_arguments, user_function
from autogen_otel.recording.attributes import Attributes
from autogen_otel.redaction import KnownSecrets
from autogen_otel.rendering import Renderer
from autogen_otel.settings import Settings
from autogen_otel.testing.placeholders import demand_whole, fail
from autogen_otel.whose_code import is_library, is_pythons

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_MAIN = "__main__"
_PACKAGE = "__init__.py"
_SITE_FOLDERS = {"site-packages", "dist-packages"}


@dataclass(frozen=True, kw_only=True)
class RecordedTool:
    """A tool of the user's; making one imports nothing.

    Args:
        name: as the model knows it.
        module: where the function is imported from; ``__main__`` for that of a program, which is loaded from
            its file under another name: what stands below ``if __name__ == "__main__":`` does not run.
        function: its qualified name in the module: ``lookup``, ``Desk.lookup``.
        file: where it stood, on the machine where it was recorded.
        line: where it began.
        converted: whether AutoGen's wrappers convert the arguments, as ``register_for_execution`` and
            ``autogen.register_function`` make them; else the function gets the JSON's values.
        installed: whether it may be of an installed package. A trace can name any function, and whoever
            wrote the trace also chose the arguments, so that only the user's own code is called else.
    """

    name: str
    module: str
    function: str
    file: str
    line: int
    converted: bool = True
    installed: bool = False

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call it with the arguments of a model; an asynchronous one is waited for.

        Args:
            arguments: as parsed from JSON; the test is skipped where a placeholder is left among them.

        Returns:
            What AutoGen would make the answer of; an exception goes through as it is.
        """
        demand_whole(arguments)
        result = self._entry()(**arguments)
        return asyncio.run(_await(result)) if inspect.isawaitable(result) else result

    def problems(self, arguments: Mapping[str, Any]) -> list[str]:
        """Each way in which arguments do not fit the function, and the schema that AutoGen makes of it.

        Args:
            arguments: as parsed from JSON; the test is skipped where a placeholder is left among them.

        Returns:
            One line for each: ``amount: expected number, got string 'ten thousand'``.
        """
        demand_whole(arguments)
        problems = tool_arguments.problems(
            dict(arguments), schema=self._schema(), description=user_function.describe(self._entry())
        )
        secrets, settings = KnownSecrets(), Settings()
        attributes = Attributes(Renderer(settings, secrets), secrets, settings)
        return [attributes.problem(problem) for problem in problems]

    # ------------------------------------------------------------ as AutoGen has it
    def _entry(self) -> Callable[..., Any]:
        """The callable that AutoGen would keep in the function map of an agent."""
        function = self._load()
        if not self.converted:
            plain: Callable[..., Any] = user_function.user_function(function) or function
            return plain if _is_tool(function) else function
        from autogen import ConversableAgent  # noqa: PLC0415 - nothing is imported while tests are collected

        agent = ConversableAgent(
            "repro", llm_config=False, human_input_mode="NEVER", code_execution_config=False
        )
        agent.register_for_execution(name=self.name)(self._as_tool(function))
        entry: Callable[..., Any] = agent.function_map[self.name]
        return entry

    def _as_tool(self, function: Any) -> Any:
        """AG2 takes class methods only as a ``Tool``; where there is none, everything is taken."""
        tool_class = _tool_class()
        if tool_class is None or isinstance(function, tool_class) or inspect.isfunction(function):
            return function
        return tool_class(name=self.name, description=self.name, func_or_tool=function)

    def _schema(self) -> Mapping[str, Any] | None:
        """The parameters that AutoGen shows the model; ``None`` if it makes none of the function."""
        function, tool_class = self._load(), _tool_class()
        try:
            if tool_class is None:
                make = importlib.import_module("autogen.function_utils").get_function_schema
                schema = make(function, name=self.name, description=self.name)
            else:
                tool = tool_class(name=self.name, description=self.name, func_or_tool=function)
                schema = getattr(function, "_func_schema", None) or tool.tool_schema
            parameters: Mapping[str, Any] = schema["function"]["parameters"]
        except (TypeError, ValueError):
            # AutoGen asks for annotations; a tool without them has a schema written by hand.
            return None
        return parameters

    # ------------------------------------------------------------ finding it
    def _load(self) -> Any:
        module = self._module()
        value: Any = module
        for part in self.function.split("."):
            if not hasattr(value, part):
                fail(
                    f"{self.module} has no {self.function}, which stood in {self._location}; "
                    "say where it is now"
                )
            value = getattr(value, part)
        # A trace is trusted only if the module itself has made the function, in that file. Otherwise the name
        # could lead through the module's imports: ``policies.os.system``.
        inner = user_function.user_function(value)
        module_name = getattr(inner, "__module__", None)
        if module_name != module.__name__:
            fail(
                f"{self.module}.{self.function} is of {module_name or 'no module'}, not from {self._location}"
            )
        file = getattr(getattr(inner, "__code__", None), "co_filename", "")
        if not issubclass(type(value), type) and (not file or _name_of(file) != _name_of(self.file)):
            fail(f"{self.module}.{self.function} is from {file or 'no file'}, not from {self._location}")
        self._demand_user_code(file or module.__file__)
        return value

    def _demand_user_code(self, *files: str | None) -> None:
        """Refuse code that is not the user's, before any of it runs."""
        paths = [str(Path(file).resolve()) for file in files if file]
        if is_pythons(self.module) or any(map(_is_pythons, paths)):
            fail(f"{self.module} is Python's own, and no function of it is called by the word of a trace")
        if paths and all(map(is_library, paths)) and not self.installed:
            fail(
                f"{self.module} is an installed package here ({paths[0]}), and no function of one is called "
                "by the word of a trace; say installed=True if it is yours"
            )

    @property
    def _location(self) -> str:
        return f"{self.file}:{self.line}"

    def _module(self) -> ModuleType:
        if self.module == _MAIN:
            return self._program()
        for folder in (None, self._root(), Path.cwd()):
            if folder is not None and str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            spec = _spec_of(self.module.partition(".")[0])
            if spec is None:
                continue
            self._demand_user_code(*(spec.submodule_search_locations or (spec.origin,)))
            try:
                return importlib.import_module(self.module)
            except ModuleNotFoundError as error:
                if not f"{self.module}.".startswith(f"{error.name}."):
                    raise
        return fail(
            f"{self.module} cannot be imported here; it stood in {self.file}. "
            f"Put the folder that it is imported from on PYTHONPATH"
        )

    def _root(self) -> Path | None:
        """The folder that the module was imported from, if it is on this machine."""
        path = Path(self.file)
        if not path.is_file():
            return None
        above = self.module.count(".") + (path.name == _PACKAGE)
        return path.parents[above] if above < len(path.parents) else None

    def _program(self) -> ModuleType:
        path = Path(self.file)
        program_file = next(
            (candidate for candidate in (path, Path.cwd() / _name_of(self.file)) if candidate.is_file()), None
        )
        if program_file is None:
            fail(f"the program {self.file} is not on this machine; say in file= where it is")
        self._demand_user_code(str(program_file))
        name = f"autogen_otel_repro_{program_file.stem}"
        loaded_module = sys.modules.get(name)
        if loaded_module is not None and loaded_module.__file__ == str(program_file):
            return loaded_module
        spec = importlib.util.spec_from_file_location(name, program_file)
        if spec is None or spec.loader is None:
            fail(f"{program_file} is no Python program")
        # Its imports stand beside it.
        if str(program_file.parent) not in sys.path:
            sys.path.insert(0, str(program_file.parent))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def _spec_of(package: str) -> ModuleSpec | None:
    """Where a package is, without running it, as it would to find a module inside it."""
    try:
        return importlib.util.find_spec(package)
    except ValueError:  # a program has put something without one among its modules
        return None


async def _await(result: Any) -> Any:
    return await result


def _tool_class() -> Any:
    """AutoGen's class of tools, which 0.2 does not have."""
    try:
        return importlib.import_module("autogen.tools").Tool
    except ImportError:
        return None


def _is_tool(function: Any) -> bool:
    tool_class = _tool_class()
    return tool_class is not None and isinstance(function, tool_class)


def _is_pythons(file: str) -> bool:
    """Whether a file is of the standard library."""
    folder = f"{Path(sysconfig.get_paths()['stdlib']).resolve()}{os.sep}"
    return file.startswith(folder) and not _SITE_FOLDERS & set(Path(file).parts)


def _name_of(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]
