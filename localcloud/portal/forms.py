"""The forms that browsers send: urlencoded, or with a file (RFC 7578). python-multipart reads both."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from localcloud.errors import CloudError
from localcloud.http.frame import body_of

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

PHOTO: Final = "photo"
MAX_PHOTO_BYTES: Final = 20 * 1024 * 1024
MAX_FORM_BYTES: Final = 64 * 1024
"""What a form may have beside the file."""
_MOST_PARTS: Final = 20
_MEDIA_TYPES: Final = (b"application/x-www-form-urlencoded", b"multipart/form-data")


@dataclass
class Form:
    """A form.

    Attributes:
        fields: texts by name; the first of each counts.
        photo: the file's bytes; None: there is none.
    """

    fields: dict[str, str] = field(default_factory=dict, repr=False)
    photo: bytes | None = field(default=None, repr=False)

    def text(self, name: str) -> str:
        """A field, without space around it; empty: there is none."""
        return self.fields.get(name, "").strip()


def read(request: Request) -> Form:
    """The form in a request.

    Raises:
        CloudError: 400 InvalidForm.
    """
    from python_multipart import multipart  # with the first form that somebody sends
    from python_multipart.exceptions import FormParserError

    form, parts = Form(), 0

    def count() -> None:
        nonlocal parts
        parts += 1
        if parts > _MOST_PARTS:
            raise FormParserError("it has too many fields")

    def on_field(one: Field) -> None:
        count()
        form.fields.setdefault(_text(one.field_name), _text(one.value))

    def on_file(one: File) -> None:
        count()
        content = one.file_object
        if _text(one.field_name) == PHOTO and form.photo is None and isinstance(content, io.BytesIO):
            form.photo = content.getvalue()  # no copy
        one.close()

    if not body_of(request):
        return form
    media_type, options = multipart.parse_options_header(request.headers.get("content-type"))
    boundary: Any = options.get(b"boundary")
    if media_type not in _MEDIA_TYPES or (media_type == _MEDIA_TYPES[1] and not boundary):
        raise CloudError(400, "InvalidForm", "The form could not be read: its Content-Type is of no form.")
    try:
        parser = multipart.FormParser(
            media_type.decode("latin-1"),
            on_field,
            on_file,
            boundary=boundary,
            # nothing of it is written to a disk
            config={"MAX_MEMORY_FILE_SIZE": MAX_PHOTO_BYTES + MAX_FORM_BYTES},
        )
        parser.write(body_of(request))
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise CloudError(400, "InvalidForm", f"The form could not be read: {error}.") from None
    request.state.body = b""  # its photo is kept once
    return form


def _text(value: bytes | None) -> str:
    return (value or b"").decode()
