"""What a run made, handed on: copied into a folder, or uploaded to the Hugging Face hub."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from giljabi.errors import GiljabiError

_HUB = "hub:"


def push(made: Path, target: str) -> str:
    """Copy the folder `made` to `target`, a new folder or `hub:OWNER/NAME`; where it is now.

    The hub takes HF_ENDPOINT and HF_TOKEN from the environment; a new repository is private.
    Raises GiljabiError where the folder exists or the hub refuses.
    """
    if target.startswith(_HUB):
        return _upload(made, target.removeprefix(_HUB))
    out = Path(target).expanduser()
    if out.exists():
        raise GiljabiError(f"{out} exists already; give --push a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(made, draft)
    draft.rename(out)
    return str(out)


def _upload(made: Path, repo: str) -> str:
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError("Pushing needs the hub client: pip install 'giljabi[hub]'") from error
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    try:
        api.create_repo(repo, private=True, exist_ok=True)
        found = api.upload_folder(repo_id=repo, folder_path=made, commit_message="giljabi train")
    except Exception as error:  # its HTTP client, whose errors it lets through, changes by version
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise GiljabiError(f"Cannot push to {repo}: {reason} ({made} is as it was).") from error
    return str(found)
