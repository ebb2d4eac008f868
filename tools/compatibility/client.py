"""Clients that are run: each has an environment of its own, a lock file, and steps."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_GO_PINNED: Final = re.compile(r"^\t\S+/(\w+) v(\S+)$", re.MULTILINE)
_GO_STEP: Final = re.compile(r'^\tstep\("([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Client:
    """A client: `clients/NAME.py` has its steps, `locks/NAME.lock` what they run with.

    Attributes:
        title: in words, as the page has it.
        packages: those that the page names with their versions.
        remark: what of it is not run, and why; empty: nothing.
        is_go: whether it is a Go module, `clients/NAME/`, and no script of Python.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    remark: str = ""
    is_go: bool = False

    @property
    def script(self) -> Path:
        """The file of its steps."""
        if self.is_go:
            return HERE / "clients" / self.name / "main.go"
        return HERE / "clients" / f"{self.name}.py"

    @property
    def lock(self) -> Path:
        """The file of its packages, with their hashes."""
        return self.script.with_name("go.mod") if self.is_go else HERE / "locks" / f"{self.name}.lock"

    @property
    def steps(self) -> tuple[str, ...]:
        """The words of its steps, in their order."""
        if self.is_go:
            return tuple(_GO_STEP.findall(self.script.read_text("utf-8")))
        found = []
        for node in ast.parse(self.script.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for one in node.decorator_list:
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "step":
                        found.append(str(ast.literal_eval(one.args[0])))
        return tuple(found)

    @property
    def versions(self) -> tuple[str, ...]:
        """The packages that the page names, as `NAME VERSION`."""
        pinned = dict((_GO_PINNED if self.is_go else _PINNED).findall(self.lock.read_text("utf-8")))
        return tuple(f"{name} {pinned[name]}" for name in self.packages)


CLIENTS: Final = (
    Client(
        "sdks_python",
        "Microsoft's SDKs for Python",
        (
            "azure-identity",
            "azure-mgmt-resource",
            "azure-mgmt-storage",
            "azure-mgmt-dns",
            "azure-storage-blob",
        ),
    ),
    Client(
        "sdks_go",
        "Microsoft's SDKs for Go",
        ("azcore", "azidentity", "armresources", "armstorage", "azblob"),
        is_go=True,
    ),
    Client("storage_2018", "Azure Storage's client of 2018", ("azure-storage",)),
    Client(
        "accounts_2018",
        "The account client of 2017",
        ("azure-cli-ml", "msrest", "msrestazure", "adal"),
        "The command `az ml` around the client wants pyyaml 3.12, which is published as source alone and "
        "does not build with Python 3.11: its account client is run without the command, with the sign-in of "
        "that year (adal) and today's requests; empty modules stand in for the packages around it.",
    ),
    Client(
        "scoring_2019",
        "The scoring client of 2019",
        ("azureml-accel-models", "tensorflow-cpu", "protobuf", "grpcio"),
        "Its generated messages are of protobuf 3.20: TensorFlow 2.15 goes with that.",
    ),
)
