"""Our models as lm-evaluation-harness asks them: log-likelihoods, and text up to a stop string.

Knows nothing of tasks, their data or their marks. A likelihood task loads a scorer, a generating
one a generator, and never both at once: they would hold the weights twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model import store
from giljabi.model.generate import Loaded, load
from giljabi.model.prompt import Template
from giljabi.model.tokens import gguf_metadata

if TYPE_CHECKING:
    from giljabi.model.logits import Scorer

Progress = Callable[[int, int], None]
"""Called with the requests answered so far and their number, once for each kind of request."""

_GREEDY = store.Settings(temperature=0.0, top_p=1.0, repetition_penalty=1.0)
_POSITIONS = (
    512  # whose log-probabilities stand in memory at once: 512 × 262,144 × 4 bytes = 0.5 GB
)
_DEFAULT_TOKENS = 256  # of an answer whose task does not say, as the harness's own models have it


class _Verbatim(Template):
    """The text as the harness wrote it: no turns, no stops of its own, and nothing disarmed."""

    def render(self, messages: Sequence[Message]) -> str:
        """The last message, unchanged."""
        return messages[-1]["content"]


_VERBATIM = _Verbatim("verbatim", (), "", lambda messages: messages[-1]["content"])


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a GGUF file, a LoRA over it or not, or else a model behind a URL."""

    path: Path | None = None
    adapter: Path | None = None
    """A LoRA in GGUF form."""
    url: str = ""
    served_name: str = ""
    """The model's name on the server at `url`."""
    template: Template | None = None
    """What puts prompts into turns; None: they stay the plain text the harness writes."""
    n_ctx: int = 4096
    """Tokens of context."""
    threads: int | None = None

    @property
    def prompts(self) -> str:
        """How prompts reach the model, for people."""
        if self.url:
            return "one user turn"
        return f"turns of {self.template.name}" if self.template else "plain text"

    def scorer(self) -> Scorer:
        """The file, loaded to score texts; GiljabiError where there is only a URL."""
        if self.path is None:
            raise GiljabiError(
                f"{self.url} can only generate, and log-likelihoods are asked for; "
                "measure a .gguf file."
            )
        from giljabi.model.llamacpp import Adapter  # noqa: PLC0415
        from giljabi.model.logits import Scorer  # noqa: PLC0415

        adapter = Adapter(self.adapter) if self.adapter else None
        return Scorer(self.path, adapter=adapter, n_ctx=self.n_ctx, threads=self.threads)

    def generator(self) -> Loaded:
        """The model, loaded to write: always the likeliest token, no repetition penalty."""
        if self.path is None:
            return load(self.url, model=self.served_name, settings=_GREEDY)
        from giljabi.model.llamacpp import Adapter, LlamaCpp  # noqa: PLC0415

        return LlamaCpp(
            self.path,
            _VERBATIM,
            settings=_GREEDY,
            n_ctx=self.n_ctx,
            threads=self.threads,
            adapter=Adapter(self.adapter) if self.adapter else None,
        )


def shared_rows(rows: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """The rows no other begins with, each with the places in `rows` of those it begins with.

    A model that reads left to right gives a row's positions the same whatever follows them, so
    only the rows given back need be read. Every place is given once.
    """
    kept: list[tuple[tuple[int, ...], list[int]]] = []
    # Backwards, a row stands right behind all that begin with it.
    for place in sorted(range(len(rows)), key=lambda n: rows[n], reverse=True):
        row = rows[place]
        if kept and kept[-1][0][: len(row)] == row:
            kept[-1][1].append(place)
        else:
            kept.append((row, [place]))
    return kept


class Likelihoods:
    """Texts as tokens and their log-likelihoods (natural logarithms) by a Scorer.

    Cuts as the harness's own HFLM does with a transformers tokenizer: the beginning-of-sequence
    token where the file says one is added and the text does not open with it.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        meta = gguf_metadata(scorer.path)
        self.end = int(meta["tokenizer.ggml.eos_token_id"])
        self.prefix = int(meta.get("tokenizer.ggml.bos_token_id", self.end))
        """What stands before a text that has no context."""
        self.longest = scorer.n_ctx
        self.truncated = 0
        """How many requests lost the beginning of their context."""
        self._prefix_text = meta["tokenizer.ggml.tokens"][self.prefix]

    def close(self) -> None:
        """Free the scorer."""
        self._scorer.close()

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Token ids; None adds the beginning-of-sequence token where the file does."""
        ids = self._scorer.tokenize(text)
        if add_special_tokens is None:
            add_special_tokens = not text.startswith(self._prefix_text)
        bos = self._scorer.bos if add_special_tokens else None
        return ids if bos is None else [bos, *ids]

    def score(
        self, pairs: Sequence[tuple[list[int], list[int]]], progress: Progress
    ) -> list[tuple[float, bool]]:
        """For each context and continuation, in tokens: log-likelihood, and whether it is greedy.

        Too long a context loses its beginning. Raises GiljabiError for a continuation without
        tokens or longer than the context window.
        """
        rows = []
        for context, continuation in pairs:
            if not 0 < len(continuation) <= self.longest:
                raise GiljabiError(
                    f"A continuation of {len(continuation):,} tokens cannot be scored in a "
                    f"context of {self.longest:,}; the task or --context must change."
                )
            whole = (*context, *continuation)
            kept = whole[-(self.longest + 1) :]
            self.truncated += len(kept) < len(whole)
            rows.append(kept[:-1])
        answers = [(0.0, True)] * len(pairs)
        done = 0
        for row, places in shared_rows(rows):
            wanted = {n: (len(rows[n]) - len(pairs[n][1]), pairs[n][1]) for n in places}
            for n, answer in self._answers(row, wanted).items():
                answers[n] = answer
            done += len(places)
            progress(done, len(pairs))
        return answers

    def _answers(
        self, row: tuple[int, ...], wanted: Mapping[int, tuple[int, list[int]]]
    ) -> dict[int, tuple[float, bool]]:
        """`wanted`: the first position that predicts, and the tokens to predict from there on."""
        sums = dict.fromkeys(wanted, 0.0)
        greedy = dict.fromkeys(wanted, True)
        start = min(first for first, _ in wanted.values())
        stop = max(first + len(tokens) for first, tokens in wanted.values())
        for begin in range(start, stop, _POSITIONS):
            end = min(begin + _POSITIONS, stop)
            found = self._scorer.logprobs(row[:end], begin)
            likeliest = found.argmax(axis=1)
            for n, (first, tokens) in wanted.items():
                for at in range(max(first, begin), min(first + len(tokens), end)):
                    token = tokens[at - first]
                    sums[n] += float(found[at - begin, token])
                    greedy[n] &= bool(likeliest[at - begin] == token)
        return {n: (sums[n], greedy[n]) for n in wanted}

    def rolling(self, texts: Sequence[str], progress: Progress) -> list[float]:
        """Log-likelihood of each whole text, in windows that overlap by one token.

        The beginning-of-sequence token is read first and never predicted, as the harness's
        interface has it (HFLM predicts it too where the tokenizer adds one).
        """
        from lm_eval.utils import get_rolling_token_windows, make_disjoint_window  # noqa: PLC0415

        pairs, owners = [], []
        for n, text in enumerate(texts):
            windows = get_rolling_token_windows(
                token_list=self.encode(text, add_special_tokens=False),
                prefix_token=self.prefix,
                max_seq_len=self.longest,
                context_len=1,
            )
            for window in windows:
                pairs.append(make_disjoint_window(window))
                owners.append(n)
        totals = [0.0] * len(texts)
        for n, (likelihood, _) in zip(owners, self.score(pairs, progress), strict=True):
            totals[n] += likelihood
        return totals


def written(
    generator: Loaded, asked: Sequence[tuple[str, Mapping[str, Any]]], progress: Progress
) -> list[str]:
    """What the model writes after each prompt, up to the first of its task's stop strings.

    Raises GiljabiError for a task that wants samples: only the likeliest text is written.
    """
    from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text  # noqa: PLC0415

    out = []
    for done, (prompt, settings) in enumerate(asked, 1):
        wanted: dict[str, Any] = dict(normalize_gen_kwargs(dict(settings), _DEFAULT_TOKENS))
        if wanted["do_sample"]:
            raise GiljabiError(
                "The task asks for samples (do_sample); only greedy answers are written."
            )
        stops = [stop for stop in wanted["until"] if stop]
        pieces = generator.stream(
            [{"role": "user", "content": prompt}],
            stop=stops,
            max_tokens=wanted["max_gen_toks"],
            temperature=0.0,
        )
        # Again here, because a server takes only so many stop strings.
        out.append(postprocess_generated_text("".join(pieces), stops, None))
        progress(done, len(asked))
    return out


def language_model(subject: Subject, progress: Progress = lambda done, total: None) -> Any:
    """`subject` as an lm_eval.api.model.LM; close it when done.

    `truncated` counts the requests cut at the left. Where a context ends and a continuation begins
    is lm-eval's own TemplateLM's to say.
    """
    from lm_eval.api.model import TemplateLM  # noqa: PLC0415

    class Measured(TemplateLM):  # type: ignore[misc]
        tokenizer_name = subject.template.name if subject.template else ""
        truncated = 0
        _open: Likelihoods | None = None

        def _likelihoods(self) -> Likelihoods:
            self._open = self._open or Likelihoods(subject.scorer())
            return self._open

        def close(self) -> None:
            if self._open is not None:
                self.truncated += self._open.truncated
                self._open.close()
                self._open = None

        @property
        def eot_token_id(self) -> int:
            return self._likelihoods().end

        @property
        def prefix_token_id(self) -> int:
            return self._likelihoods().prefix

        def tok_encode(self, string: str, add_special_tokens: bool | None = None) -> list[int]:
            return self._likelihoods().encode(string, add_special_tokens)

        def apply_chat_template(
            self, chat_history: list[Message], add_generation_prompt: bool = True
        ) -> str:
            return in_turns(subject, chat_history, cue_is_given=not add_generation_prompt)

        def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
            return super().loglikelihood(requests, disable_tqdm)

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            return self._likelihoods().score([(c, t) for _, c, t in requests], progress)

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = True) -> list[float]:
            return self._likelihoods().rolling([r.args[0] for r in requests], progress)

        def generate_until(self, requests: Any, disable_tqdm: bool = True) -> list[str]:
            self.close()
            with closing(subject.generator()) as generator:
                return written(generator, [r.args for r in requests], progress)

    return Measured()


def in_turns(subject: Subject, messages: Sequence[Message], *, cue_is_given: bool) -> str:
    """The prompt for `messages` by the subject's template.

    `cue_is_given`: the last message begins the answer that the model is to go on with.
    """
    if subject.template is None:
        raise GiljabiError("Prompts are put into turns by a template only; name one: --template.")
    if not cue_is_given:
        return subject.template.render(messages)
    return subject.template.render(messages[:-1]) + messages[-1]["content"]
