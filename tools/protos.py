"""The Python messages of `clients/wire/protos`, made from them: `python -m tools.protos`.

Two files: `clients/wire/messages.binpb`, the protos as protobuf's compiler describes them, and
`clients/wire/messages.py`, their names and types for Python. `--check` fails where they are others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from surroundings import settle

CHECKOUT: Final = Path(__file__).parents[1]
WIRE: Final = CHECKOUT / "clients/wire"
PROTOS: Final = WIRE / "protos"
DESCRIBED: Final = "messages.binpb"
MODULE: Final = "messages.py"

_HEAD: Final = '''"""TensorFlow Serving's messages, without TensorFlow; made by `make protos`.

They are registered in a descriptor pool of their own, so that they live beside any other package that owns
the names `tensorflow` or `tensorflow.serving` in protobuf's default pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any
    from google.protobuf.internal.containers import (
        MessageMap,
        RepeatedCompositeFieldContainer,
        RepeatedScalarFieldContainer,
    )
    from google.protobuf.wrappers_pb2 import Int64Value

POOL: Final = descriptor_pool.DescriptorPool()
"""The descriptors of all messages and services."""

_described = Path(__file__).with_suffix(".binpb").read_bytes()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_described).file:
    POOL.Add(_file)
'''
_F = FieldDescriptorProto
_SCALARS: Final = {
    _F.TYPE_BOOL: "bool",
    _F.TYPE_BYTES: "bytes",
    _F.TYPE_DOUBLE: "float",
    _F.TYPE_ENUM: "int",
    _F.TYPE_FLOAT: "float",
    _F.TYPE_INT32: "int",
    _F.TYPE_INT64: "int",
    _F.TYPE_STRING: "str",
}


def described() -> FileDescriptorSet:
    """The protos, and those of protobuf's own that they import, each behind what it imports.

    Raises:
        SystemExit: the compiler refuses one; its words are on standard error.
    """
    files = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, DESCRIBED)
        command = [_program("protoc"), f"-I{PROTOS}", "--include_imports", f"--descriptor_set_out={written}"]
        if subprocess.run([*command, *files], check=False).returncode:
            raise SystemExit(1)
        return FileDescriptorSet.FromString(written.read_bytes())


def module(files: FileDescriptorSet) -> str:
    """The text of the Python module, not formatted."""
    own = [file for file in files.file if not file.name.startswith("google/")]
    lines = [_HEAD, *_constants(own), "if TYPE_CHECKING:"]
    for file in own:
        for message in file.message_type:
            lines += [f"    {line}" for line in _class(message)]
    lines += [
        "else:",
        "    def _message(full_name: str) -> type[Message]:",
        "        return message_factory.GetMessageClass(POOL.FindMessageTypeByName(full_name))",
        "",
    ]
    for file in own:
        for message in file.message_type:
            lines.append(f'    {message.name} = _message("{file.package}.{message.name}")')
    return "\n".join([*lines, ""])


def formatted(text: str) -> str:
    """The text as `ruff format` writes it."""
    command = [_program("ruff"), "format", "--stdin-filename", str(WIRE / MODULE), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> int:
    """Writes both files, or compares them; returns the exit code: 1 where they are others."""
    settle()
    parser = argparse.ArgumentParser(prog="python -m tools.protos", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    files = described()
    wanted = {
        DESCRIBED: files.SerializeToString(deterministic=True),
        MODULE: formatted(module(files)).encode(),
    }
    for name, content in wanted.items():
        path = WIRE / name
        if check and (not path.exists() or path.read_bytes() != content):
            print(f"{path.relative_to(CHECKOUT)} is not what clients/wire/protos make: run `make protos`.")
            return 1
        if not check:
            path.write_bytes(content)
    return 0


def _program(name: str) -> str:
    """The path of a program of the environment."""
    return str(Path(sys.executable).with_name(name))


def _constants(files: list[FileDescriptorProto]) -> Iterator[str]:
    """A constant for each value of the enums that are inside no message."""
    for file in files:
        for enum in file.enum_type:
            yield f"# {file.package}.{enum.name}"
            yield from (f"{value.name}: Final = {value.number}" for value in enum.value)
            yield ""


def _class(message: DescriptorProto) -> Iterator[str]:
    yield f"class {message.name}(Message):"
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    for nested in message.nested_type:
        if nested.name not in entries:
            yield from (f"    {line}" for line in _class(nested))
    for enum in message.enum_type:
        yield from (f"    {value.name}: ClassVar[int]" for value in enum.value)
    given = []
    for field in message.field:
        entry = entries.get(_own_name(field)) if field.type == _F.TYPE_MESSAGE else None
        if entry is not None:
            key, value = (_type(part) for part in entry.field)
            yield f"    {field.name}: MessageMap[{key}, {value}]"
            given.append(f"{field.name}: Mapping[{key}, {value}] = ...")
        elif field.label == _F.LABEL_REPEATED:
            kind = "Composite" if field.type == _F.TYPE_MESSAGE else "Scalar"
            yield f"    {field.name}: Repeated{kind}FieldContainer[{_type(field)}]"
            given.append(f"{field.name}: Iterable[{_type(field)}] = ...")
        else:
            yield f"    {field.name}: {_type(field)}"
            given.append(f"{field.name}: {_type(field)} = ...")
    yield f"    def __init__(self, *, {', '.join(given)}) -> None: ..."
    yield ""


def _type(field: FieldDescriptorProto) -> str:
    return _SCALARS[field.type] if field.type in _SCALARS else _own_name(field)


def _own_name(field: FieldDescriptorProto) -> str:
    return field.type_name.rpartition(".")[2]


if __name__ == "__main__":
    sys.exit(main())
