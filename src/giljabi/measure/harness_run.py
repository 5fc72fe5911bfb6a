"""Public benchmarks run through lm-evaluation-harness, and what came of them.

Knows no model but as a Subject; which tasks there are and where their data lies say others.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure import harness_tasks
from giljabi.measure.harness import Progress, Subject, language_model
from giljabi.measure.harness_tasks import LIKELIHOOD, Benchmark, Catalogue
from giljabi.model import prompt, store
from giljabi.model.tokens import gguf_metadata

_SEED = 1234  # of the examples drawn; the harness's own default
_RESAMPLES = 1000  # for standard errors without a formula
_REACH_S = 5.0


def subject(
    name: str = "auto", *, adapter: str = "shipped", served_name: str = "", template: str = "",
    n_ctx: int = 4096, threads: int | None = None,
) -> Subject:  # fmt: skip
    """The model a command line names: auto (the default base, whole), a base, a .gguf, a URL.

    `adapter` is "shipped", "none" or a LoRA in GGUF form. The context is never longer than the
    model's own. Raises GiljabiError for no model, a folder, or options that do not go together.
    """
    if name.startswith(("http://", "https://")):
        if template or adapter not in {"shipped", "none"}:
            raise GiljabiError(f"{name} puts prompts into turns itself and holds its own adapter.")
        return Subject(url=name, served_name=served_name, n_ctx=n_ctx)
    if name == "none":
        raise GiljabiError("A benchmark measures a model; name one with --model.")
    weights = store.weights(None if name == "auto" else name)
    if weights.path.is_dir():
        raise GiljabiError(
            f"{weights.path} is a folder; benchmarks run the .gguf that giljabi export gguf makes."
        )
    lora = None if adapter in {"shipped", "none"} else Path(adapter)
    if adapter == "shipped" and weights.base is not None:
        lora = store.shipped_adapter(weights.base)
    if lora is not None and not lora.is_file():
        raise GiljabiError(f"There is no adapter file {lora}.")
    meta = gguf_metadata(weights.path)
    own = int(meta.get(f"{meta['general.architecture']}.context_length", n_ctx))
    spoken = prompt.template(template) if template else None
    return Subject(weights.path, lora, template=spoken, n_ctx=min(n_ctx, own), threads=threads)


def run(
    names: Sequence[str], model: Subject, *, limit: int | None = None, fewshot: int | None = None,
    data: Mapping[str, Path] | None = None, tasks_dir: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:  # fmt: skip
    """Benchmarks by name over a model, as a dict of plain values (docs/benchmarks-public.md).

    `limit`: only the first so many questions of each single task. `fewshot`: worked examples, in
    place of the recorded number; tasks that fix theirs at 0 keep it. `data` and `tasks_dir`: see
    `harness_tasks.catalogue`. Raises GiljabiError for whatever the user can mend.
    """
    with tempfile.TemporaryDirectory(prefix="giljabi-") as scratch, _quietly():
        tasks = harness_tasks.catalogue(names, Path(scratch), tasks_dir=tasks_dir, data=data or {})
        _check_asked(tasks, model)
        _check_reach(tasks)
        loaded: dict[str, dict[str, Any]] = {"tasks": {}, "groups": {}}
        for name in tasks.members:
            found = _loaded(tasks, name)
            loaded["tasks"].update(found["tasks"])
            loaded["groups"].update(found.get("groups", {}))
        _set_fewshot(loaded["tasks"], tasks.recorded, fewshot)
        with closing(language_model(model, progress)) as lm:
            results = _evaluated(lm, loaded, model, limit)
    return {
        "tasks": _rows(results, limit),
        "limit": limit,
        "truncated": lm.truncated,
        "prompts": model.prompts,
        "context": model.n_ctx,
        "data": {name: str(folder) for name, folder in (data or {}).items()},
        "model": identity(model),
        "lm_eval": version("lm_eval"),
    }


def identity(model: Subject) -> dict[str, Any]:
    """Which model it was: its files with their SHA-256, or its URL and name there."""
    if model.path is None:
        return {"url": model.url, "name": model.served_name}
    return {
        "file": model.path.name,
        "sha256": store.sha256_of(model.path),
        "adapter": model.adapter.name if model.adapter else None,
        "adapter_sha256": store.sha256_of(model.adapter) if model.adapter else None,
    }


@contextmanager
def _quietly() -> Iterator[None]:
    """The harness's bars, warnings and prints kept from standard output."""
    harness_tasks.need_harness()
    import logging  # noqa: PLC0415

    import datasets  # noqa: PLC0415

    datasets.disable_progress_bars()
    logger = logging.getLogger("lm_eval")
    before = logger.level
    # Of its errors, those of this run end it; the rest complain of metrics nobody reads.
    logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        logger.setLevel(before)


def _check_asked(tasks: Catalogue, model: Subject) -> None:
    for task, config in tasks.configs.items():
        if model.url and tasks.asks(task) == LIKELIHOOD:
            raise GiljabiError(
                f"{task} needs log-likelihoods, which {model.url} does not give; it can only "
                "generate: measure a .gguf file instead."
            )
        if (config.get("generation_kwargs") or {}).get("do_sample"):
            raise GiljabiError(f"{task} asks for samples; only greedy answers are measured.")
    for row in tasks.recorded.values():
        if row.nltk:
            _check_nltk(row)


def _check_nltk(row: Benchmark) -> None:
    name = row.nltk.rpartition("/")[2]
    try:
        import nltk  # noqa: PLC0415

        nltk.data.find(row.nltk)
    except (ImportError, LookupError) as error:
        raise GiljabiError(
            f"{row.name} is marked with NLTK's {name}: pip install 'giljabi[benchmark]', then "
            f"python -m nltk.downloader {name}, or a copy in $NLTK_DATA."
        ) from error


def _check_reach(tasks: Catalogue) -> None:
    """The hub's client would try for half a minute a task, and for minutes behind a dead proxy."""
    remote = {name: found for name in tasks.members if (found := tasks.remote(name))}
    if not remote or os.environ.get("HF_HUB_OFFLINE"):
        return
    import httpx  # noqa: PLC0415

    hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    try:
        httpx.head(hub, timeout=_REACH_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        name, dataset = next(iter(remote.items()))
        raise GiljabiError(
            f"{name} reads {dataset} from {hub}, which cannot be reached; give a copy with "
            f"--data {name}=FOLDER, or set HF_HUB_OFFLINE=1 where it was fetched before."
        ) from error


def _loaded(tasks: Catalogue, name: str) -> Any:
    """The harness's tasks of one name with their data."""
    from datasets.exceptions import DatasetsError  # noqa: PLC0415
    from jinja2 import TemplateError  # noqa: PLC0415

    try:
        return tasks.manager.load([name])
    except ImportError as error:
        raise GiljabiError(
            f"{name} needs {error.name}, which is not here: pip install 'giljabi[benchmark]'"
        ) from error
    except (OSError, ValueError, LookupError, TypeError, DatasetsError, TemplateError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        where = tasks.remote(name) or "its data"
        raise GiljabiError(
            f"{name} cannot be loaded from {where} ({said}); a copy elsewhere is named with "
            f"--data {name}=FOLDER."
        ) from error


def _set_fewshot(
    loaded: Mapping[str, Any], recorded: Mapping[str, Benchmark], asked: int | None
) -> None:
    for name, task in loaded.items():
        own = task.get_config("num_fewshot")
        if own != 0:
            row = recorded.get(name)
            usual = row.fewshot if row else own or 0
            task.set_config("num_fewshot", usual if asked is None else asked)
        task.set_fewshot_seed(_SEED)


def _evaluated(lm: Any, loaded: Any, model: Subject, limit: int | None) -> Any:
    from lm_eval import evaluate  # noqa: PLC0415

    return evaluate(
        lm,
        loaded,
        limit=limit,
        bootstrap_iters=_RESAMPLES,
        log_samples=False,
        apply_chat_template=model.template is not None,
        fewshot_as_multiturn=True,
    )


def _rows(results: Mapping[str, Any], limit: int | None) -> dict[str, dict[str, Any]]:
    """Groups and single tasks by name, groups first; a group without marks of its own is left out."""
    sizes = {name: n["original"] for name, n in results["n-samples"].items()}
    inside = results["group_subtasks"]

    def whole(name: str) -> int:
        return sizes[name] if name in sizes else sum(whole(member) for member in inside[name])

    found = {
        name: {
            "metrics": _metrics(result),
            "version": results["versions"].get(name),
            "n": result.get("sample_len"),
            "of": whole(name),
            "limit": limit,
            "fewshot": results["n-shot"].get(name),
        }
        for name, result in results["results"].items()
    }
    return dict(
        sorted(
            ((name, row) for name, row in found.items() if row["metrics"]),
            key=lambda item: item[0] not in inside,
        )
    )


def _metrics(result: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """`acc` or, where the answer was filtered, `exact_match (strict-match)`: value and error."""
    found = {}
    for key, value in result.items():
        metric, comma, filtered = key.partition(",")
        if comma and not metric.endswith("_stderr"):
            error = result.get(f"{metric}_stderr,{filtered}")
            name = metric if filtered == "none" else f"{metric} ({filtered})"
            found[name] = {
                "value": float(value),
                "stderr": float(error) if isinstance(error, int | float) else None,
            }
    return found


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as a table: a row for each mark, the limit above it."""
    limit = report["limit"]
    model = report["model"]
    named = model.get("file") or f"{model['name']} at {model['url']}"
    if model.get("adapter"):
        named += f" with {model['adapter']}"
    lines = [
        f"{named}, lm-eval {report['lm_eval']}, prompts as {report['prompts']}, limit "
        + ("none" if limit is None else f"{limit}: the first questions of each task only"),
    ]
    if report["truncated"]:
        lines.append(
            f"{report['truncated']:,} requests were longer than {report['context']:,} tokens and "
            "lost their beginning; see --context."
        )
    lines += ["", "| task | mark | value | n | examples | version |", "|---|---|---|---|---|---|"]
    for task, row in report["tasks"].items():
        n = f"{row['n']:,}" if row["n"] == row["of"] else f"{row['n']:,} of {row['of']:,}"
        for name, mark in row["metrics"].items():
            error = "" if mark["stderr"] is None else f" ± {mark['stderr']:.4f}"
            lines.append(
                f"| {task} | {name} | {_figure(mark['value'])}{error} | {n} | {row['fewshot']} | "
                f"{row['version']} |"
            )
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10_000 else f"{value:.3g}"  # a perplexity has no end


def to_list() -> str:
    """The recorded benchmarks as a table."""
    lines = ["| task | version | examples | asks for | data set | |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.name} | {row.version} | {row.fewshot} | {row.asks} | {row.dataset} | {row.note} |"
        for row in harness_tasks.table().values()
    ]
    return "\n".join(lines)
