"""A document that is a zip of XML parts (DOCX, HWPX), opened within bounds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError

from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    from types import TracebackType

ENTRIES = 10_000
EXPANDED = 512 << 20
"""Bytes all entries may declare together; a part cannot expand beyond what it declares."""
RATIO = 200
"""Expanded over packed bytes; prose in XML packs 10 to 40 times."""
_SMALL = 16 << 20
"""Bytes below which a ratio harms nobody."""
PART = 128 << 20
"""Bytes of one XML part: as a tree it takes some ten times as much memory."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Archive:
    """The XML parts of a zip; a context manager. `kind` names the format in messages.

    Raises GiljabiError where the file is no zip, is encrypted, or would expand beyond the bounds.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        _refuse_ole(path, kind)
        with self._told():
            self._zip = zipfile.ZipFile(path)
        try:
            self._check()
        except GiljabiError:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The entries, in the order of the zip."""
        return tuple(self._zip.namelist())

    def tree(self, name: str) -> Element:
        """The part `name` as XML, without DTD and entities; GiljabiError where that cannot be."""
        try:
            from defusedxml import DefusedXmlException  # noqa: PLC0415
            from defusedxml.ElementTree import fromstring  # noqa: PLC0415
        except ModuleNotFoundError:
            raise GiljabiError(
                f"Reading {self._kind} needs defusedxml: run pip install 'giljabi[documents]'."
            ) from None
        try:
            root: Element = fromstring(self._read(name), forbid_dtd=True)
        except DefusedXmlException:
            raise self._broken(
                f"its {name} declares XML entities, which no {self._kind} needs"
            ) from None
        except (ParseError, ValueError, LookupError):
            raise self._broken(f"its {name} is no XML") from None
        return root

    def tree_if_there(self, name: str) -> Element:
        """`tree`, or an empty element where there is no such part."""
        return self.tree(name) if name in self._zip.NameToInfo else Element("none")

    def _read(self, name: str) -> bytes:
        if name not in self._zip.NameToInfo:
            raise self._broken(f"it has no {name}")
        if self._zip.getinfo(name).file_size > PART:
            raise self._refused(f"its {name} is larger than {PART >> 20} MB")
        with self._told():
            return self._zip.read(name)

    def _check(self) -> None:
        entries = self._zip.infolist()
        if len(entries) > ENTRIES:
            raise self._refused(f"it holds more than {ENTRIES:,} entries")
        expanded = sum(e.file_size for e in entries)
        packed = sum(e.compress_size for e in entries)
        if expanded > EXPANDED or (expanded > _SMALL and expanded > RATIO * max(packed, 1)):
            raise self._refused(f"{packed:,} packed bytes would expand to {expanded:,}")
        manifest = "META-INF/manifest.xml"
        locked = any(e.flag_bits & 1 for e in entries)
        # HWPX keeps OpenDocument's way of encrypting: the parts are ciphertext, the manifest tells.
        if locked or (manifest in self.names and b"encryption-data" in self._read(manifest)):
            raise _encrypted(self._path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError):
            raise self._broken("the zip is damaged or cut off") from None

    def _broken(self, why: str) -> GiljabiError:
        return GiljabiError(
            f"{self._path} is no whole {self._kind}: {why}; save it anew and import it again."
        )

    def _refused(self, why: str) -> GiljabiError:
        return GiljabiError(
            f"{self._path} is refused: {why}; if it is yours, save it in smaller parts."
        )


def local(element: Element) -> str:
    """The element's name without its namespace: strict and transitional OOXML differ in nothing else."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: Element | None, name: str) -> str:
    """The attribute `name` in whatever namespace; "" where it, or the element, is not there."""
    if element is None:
        return ""
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


def child(element: Element | None, *path: str) -> Element | None:
    """The first descendant along `path` of local names, None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next((e for e in element if local(e) == name), None)
    return element


def _encrypted(path: Path) -> GiljabiError:
    return GiljabiError(f"{path} is encrypted: save it without a password and import it again.")


def _refuse_ole(path: Path, kind: str) -> None:
    # Office wraps an encrypted DOCX in the container of the old binary formats.
    with path.open("rb") as file:
        if file.read(len(_OLE)) != _OLE:
            return
        file.seek(0)
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise _encrypted(path)
    raise GiljabiError(f"{path} is an old binary document under another name: save it as {kind}.")
