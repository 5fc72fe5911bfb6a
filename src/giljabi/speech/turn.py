"""The turn: listening -> thinking -> speaking, interruptible at every moment.

Knows no microphone, no server and no model. One counter, the turn's number, decides what is still
wanted: every stage looks at it, and whatever belongs to an older turn is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np

from giljabi.answer.guide import Answer
from giljabi.answer.memory import Turn
from giljabi.answer.words import language
from giljabi.errors import GiljabiError
from giljabi.speech import says
from giljabi.speech.clarify import Clarifying, Question
from giljabi.speech.events import (
    Failed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from giljabi.speech.floor import Floor, Stage, Tell
from giljabi.speech.hold import Hold, Paused, Resumed
from giljabi.speech.sound import (
    RATE,
    Cancel,
    Ear,
    Ended,
    Heard,
    Lang,
    Listener,
    Mouth,
    Pcm,
    Started,
)
from giljabi.speech.speaker import BROKEN, Speaker, left, log_fault

_JOIN_S = 2.0


class Answerer(Protocol):
    """Whoever answers: `giljabi.answer.guide.Guide`, or anything that streams as it does."""

    def stream(
        self, question: str, history: Sequence[Turn] = (), *,
        lang: Literal["ko", "en", "auto"] = "auto", cancel: Cancel | None = None,
    ) -> Iterator[str | Answer]:  # fmt: skip
        """Whole sentences as they are ready, later ones with a space before them; where there is
        one, the Answer last. Ends soon after `cancel()` turns true. Raises GiljabiError.
        """
        ...


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """How a conversation goes."""

    lang: Lang | Literal["auto"] = "auto"
    """What visitors are expected to speak."""
    barge_in: bool = True
    """False: nothing is listened to while an answer sounds (no echo cancellation, no headset)."""
    acknowledge: bool = False
    """Say a short fixed "네," as soon as an utterance has been understood as words."""
    turns: int = 10
    """How many of the newest turns are remembered."""
    repeats: int = 2
    """How often in a row to ask for a repetition; beyond that a noisy place is met by silence."""


@dataclass(slots=True)
class _Job:
    turn: int
    said: Pcm | str
    lang: Lang | Literal["auto"]
    sure: bool = True
    """False: the utterance may go on; what it said is told once it is sure to be over."""
    dropped: bool = False
    """It did go on."""


class Conversation:
    """One visitor's spoken conversation; fed sound, it tells events.

    `tell` gets every event in order, from several threads but never two at once, while a lock is
    held: it must return at once and not call back (put the event into a queue; for asyncio
    `loop.call_soon_threadsafe(queue.put_nowait, event)`). `place` gives the name of a place id,
    for "학생회관 말씀이세요?"; `spoken` turns written text into text to be read aloud. Without a
    mouth the answers are text only.

    Two threads: one recognises and thinks, strictly in order, so the two never fight for cores;
    the other speaks. With a listener that tells pauses (`hold.Hold`) an utterance is recognised
    during the silence that decides whether it is over: by that same thread, which has nothing
    else to do while a visitor speaks, and given up as soon as they go on.
    """

    def __init__(
        self, listener: Listener | Hold, ear: Ear, mouth: Mouth | None, answerer: Answerer, tell: Tell,
        *, options: TurnOptions = TurnOptions(),
        place: Callable[[str, Lang], str] = lambda place, lang: place,
        spoken: Callable[[str, Lang], str] = lambda text, lang: text,
        history: Sequence[Turn] = (),
    ) -> None:  # fmt: skip
        self._listener, self._ear = listener, ear
        self._rate = mouth.rate if mouth else 0
        self._answerer, self._options = answerer, options
        self._floor = Floor(tell, self.rate, options.turns, history)
        self._changed = self._floor.changed
        self._clarifying = Clarifying(
            place, options.repeats, "en" if options.lang == "en" else "ko"
        )
        self._feeding = threading.Lock()
        self._fed = 0
        self._job: _Job | None = None
        self._guess: _Job | None = None
        self._speaker = Speaker(mouth, spoken, self._floor, self._clarifying.settled)
        # A daemon: a recogniser that ignores `cancel` must not keep the program alive.
        self._thread = threading.Thread(target=self._think_on, name="giljabi-think", daemon=True)
        self._thread.start()

    # ---- what is seen from outside ----

    @property
    def rate(self) -> int:
        """Samples a second of every `Sound`; 0 without a mouth."""
        return self._rate

    @property
    def turn(self) -> int:
        """The turn that is on; what belongs to a smaller number is stale."""
        return self._floor.turn

    @property
    def stage(self) -> Stage:
        """What it is doing; speaking lasts until the sound has been played."""
        return self._floor.stage

    @property
    def history(self) -> tuple[Turn, ...]:
        """The remembered turns, oldest first; of an interrupted answer what the visitor heard."""
        return self._floor.history

    # ---- what is told from outside ----

    def feed(self, pcm: Pcm) -> None:
        """The next samples of the microphone (RATE, any number); never waits for recognition.

        Speech that begins while something is recognised, thought or said cancels that.
        """
        with self._feeding:
            if not self._options.barge_in and self._floor.reply.sounding:
                pcm = np.zeros_like(pcm)  # samples go on being counted
            self._fed += len(pcm)
            for event in self._listener.feed(pcm):
                with self._changed:
                    self._listened(event)

    def hear(self, pcm: Pcm) -> None:
        """One whole utterance, as push-to-talk and committed buffers give it; not fed as well."""
        self._begin(pcm, self._options.lang)

    def ask(self, text: str, lang: Lang | Literal["auto"] = "auto") -> None:
        """A question in writing, answered as if it had been heard."""
        self._begin(text, lang)

    def played(self, turn: int, samples: int) -> None:
        """How much of the sound of `turn` has been heard by now; also after it was cancelled.

        Decides what memory keeps of an interrupted answer. Who never reports is taken to play
        at once and without gaps.
        """
        self._floor.played(turn, samples)

    def cancel(self) -> None:
        """Call off whatever is recognised, thought or said; what is being spoken goes on."""
        self._floor.next_turn()

    def forget(self) -> None:
        """Cancel, and forget the conversation and everything fed: the next visitor's turn."""
        with self._feeding, self._changed:
            self._floor.next_turn()
            self._floor.forget()
            self._clarifying.forget()
            self._listener.reset()
            self._fed = 0

    def close(self) -> None:
        """Cancel, and end the threads; any number of times. Nothing is told afterwards.

        Waits for a part that is slow to give up for two seconds at most.
        """
        self._floor.close()
        for thread in (self._thread, self._speaker.thread):
            if thread is not threading.current_thread():
                thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listened(self, event: Started | Paused | Resumed | Ended) -> None:
        match event:
            case Started(at=at):
                self._floor.next_turn()
                self._floor.tell(self.turn, SpeechStarted(self.turn, at))
            case Paused(pcm=pcm) if self._floor.doing == "listening":
                self._have_a_turn()
                self._hand_over(_Job(self.turn, pcm, self._options.lang, sure=False))
            case Resumed():
                self._drop_guess()
            case Ended():
                self._ended(event)

    def _ended(self, event: Ended) -> None:
        hold_ms = 1e3 * (self._fed - event.at) / RATE
        guess = self._guess
        if guess is not None and not self._over(guess.turn):
            self._floor.take(hold_ms)
            self._floor.tell(self.turn, SpeechStopped(self.turn, event.at))
            guess.sure, self._guess = True, None
            self._changed.notify_all()
            return
        self._have_a_turn()
        self._take(event.pcm, self._options.lang, event.at, hold_ms)

    def _have_a_turn(self) -> None:
        """An utterance takes a turn of its own where a written question came while somebody spoke."""
        if self._floor.taken:
            self._floor.next_turn()

    def _drop_guess(self) -> None:
        if self._guess is not None:
            self._guess.dropped, self._guess = True, None
            self._changed.notify_all()

    def _begin(self, said: Pcm | str, lang: Lang | Literal["auto"]) -> None:
        with self._changed:
            self._floor.next_turn()
            self._take(said, lang, len(said))

    def _take(
        self, said: Pcm | str, lang: Lang | Literal["auto"], at: int, hold_ms: float | None = None
    ) -> None:
        turn = self._floor.take(hold_ms)
        if not isinstance(said, str):
            self._floor.tell(turn, SpeechStopped(turn, at))
        self._hand_over(_Job(turn, said, lang))

    def _hand_over(self, job: _Job) -> None:
        self._drop_guess()
        self._job = job
        self._guess = None if job.sure else job
        self._changed.notify_all()

    # ---- the thread that recognises and thinks ----

    def _think_on(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                self._think(job)
            except GiljabiError as error:
                self._failed(job, str(error))
            except Exception as error:  # noqa: BLE001 - a thread's edge: the next turn shall work
                log_fault(error)
                self._failed(job, BROKEN)

    def _next_job(self) -> _Job | None:
        with self._changed:
            while self._job is None and not self._floor.closed:
                self._changed.wait()
            job, self._job = self._job, None
            return None if self._floor.closed else job

    def _think(self, job: _Job) -> None:
        if self._over(job.turn):
            return
        if job.sure:
            self._passed(job.turn, "wait")
        if isinstance(job.said, str):
            lang = language(job.said, ("ko", "en")) if job.lang == "auto" else job.lang
            self._answer(job.turn, Question(job.said, lang))
            return
        heard = self._hear(job, job.said)
        if heard is None or not self._floor.tell(job.turn, Transcribed(job.turn, heard)):
            return
        with self._changed:
            if self._over(job.turn):
                return
            read = self._clarifying.read(heard)
        if isinstance(read, Question):
            self._answer(job.turn, read)
            return
        if read.text:
            self._speaker.write(job.turn, read.text, read.lang, read.purpose)
        self._speaker.finish(job.turn, read.lang, read.purpose)

    def _hear(self, job: _Job, pcm: Pcm) -> Heard | None:
        """What was said, once the utterance is over; None where it is not wanted any more."""

        def given_up() -> bool:
            return job.dropped or self._over(job.turn)

        fault: Exception | None = None
        heard = None
        try:
            heard = self._ear.hear(pcm, lang=job.lang, cancel=given_up)
        except Exception as error:  # noqa: BLE001 - raised again as soon as it is due
            fault = error
        with self._changed:
            self._changed.wait_for(lambda: job.sure or given_up())
            if given_up():
                return None
            self._passed(job.turn, "hear")
        if fault is not None:
            raise fault
        return heard

    def _answer(self, turn: int, question: Question) -> None:
        with self._changed:
            if self._over(turn):
                return
            reply = self._floor.reply
            history = self._floor.answer(question.text, question.lang)
        if self._options.acknowledge:
            said = says.text("acknowledgement", question.lang)
            self._speaker.write(turn, said, question.lang, "acknowledgement")
        answer: Answer | None = None
        pieces = self._answerer.stream(
            question.text, history, lang=question.lang,
            cancel=lambda: self._over(turn) or reply.failed,
        )  # fmt: skip
        with left(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    answer = piece
                elif not self._speaker.write(turn, piece, question.lang, "answer"):
                    return
        self._speaker.finish(turn, question.lang, "answer", answer)

    def _failed(self, job: _Job, message: str) -> None:
        """Recognising or answering failed: told, said, and not remembered."""
        with self._changed:
            reply = self._floor.reply
            if self._over(job.turn) or reply.failed:
                return
            lang = reply.lang if job.lang == "auto" else job.lang
            reply.failed, reply.question = True, ""
            self._floor.tell(job.turn, Failed(job.turn, message))
            text = says.text("failure", lang)
            self._speaker.write(job.turn, f" {text}" if reply.text() else text, lang, "failure")
            self._speaker.finish(job.turn, lang, "failure")

    def _over(self, turn: int) -> bool:
        return self._floor.over(turn)

    def _passed(self, turn: int, stage: str) -> None:
        with self._changed:
            if not self._over(turn):
                self._floor.reply.passed(stage)
