"""The build of the package -> the parser tables beside the grammar, so that no user waits for them."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Tables(BuildHookInterface[Any]):
    """Writes graphdsl/grammar.tables, for wheels and for editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        # The module by itself: the package around it needs what is not installed while it is built.
        spec = spec_from_file_location("tables", Path(self.root) / "graphdsl" / "tables.py")
        assert spec is not None and spec.loader is not None
        tables = module_from_spec(spec)
        spec.loader.exec_module(tables)
        tables.TABLES.write_bytes(tables.make())
