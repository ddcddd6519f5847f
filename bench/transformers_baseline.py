"""The library's own decoding on the same weights and prompts: greedy, and with its prompt lookup."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from bench.runs import Run, Tokens
from decoding import Request

LOOKUP_TOKENS = 10  # drafted per forward pass, as the method's author has it
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PADDING = 0  # any token id: the attention mask hides it


class TransformersBaseline:
    """A model of its own: our engine changes the module that it loads."""

    def __init__(self, path: str | Path, *, dtype: str) -> None:
        from transformers import AutoModelForCausalLM

        model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=DTYPES[dtype])
        self._model = model.eval()

    def run_greedy(self, requests: Sequence[Request], *, batch: int = 1) -> Run:
        """Batches in the order of the requests, padded on the left; a batch is as slow as its longest text."""
        return self._run([requests[i : i + batch] for i in range(0, len(requests), batch)])

    def run_lookup(self, requests: Sequence[Request]) -> Run:
        """One by one: the library's prompt lookup knows no batches."""
        batches = [[request] for request in requests]
        return self._run(batches, prompt_lookup_num_tokens=LOOKUP_TOKENS)

    def _run(self, batches: Sequence[Sequence[Request]], **options: int) -> Run:
        """Greedy outputs; sampling and forms of the requests are not looked at."""
        texts: list[Tokens] = []
        num_decoded, decode_seconds = 0, 0.0
        started = perf_counter()
        for batch in batches:
            arrivals = Arrivals()
            written = self._write(batch, arrivals, **options)
            texts += written
            num_decoded += max(0, sum(map(len, written)) - arrivals.num_first)
            decode_seconds += arrivals.seconds_after_first

        return Run(tuple(texts), perf_counter() - started, num_decoded, decode_seconds)

    def _write(
        self, batch: Sequence[Request], arrivals: "Arrivals", **options: int
    ) -> list[Tokens]:
        width = max(len(request.prompt) for request in batch)
        prompts = torch.full((len(batch), width), PADDING)
        mask = torch.zeros_like(prompts)
        for row, request in enumerate(batch):
            prompts[row, width - len(request.prompt) :] = torch.tensor(list(request.prompt))
            mask[row, width - len(request.prompt) :] = 1
        with torch.no_grad():
            written = self._model.generate(
                prompts,
                attention_mask=mask,
                max_new_tokens=max(request.max_new_tokens for request in batch),
                do_sample=False,
                eos_token_id=sorted(batch[0].stop_ids) or None,
                pad_token_id=PADDING,
                streamer=arrivals,
                **options,
            )
        rows: list[list[int]] = written[:, width:].tolist()

        return [cut(tokens, request) for tokens, request in zip(rows, batch, strict=True)]


def cut(tokens: Sequence[int], request: Request) -> Tokens:
    """Without the stop token and what pads the row behind it."""
    end = next((i for i, t in enumerate(tokens) if t in request.stop_ids), len(tokens))
    return tuple(tokens[: min(end, request.max_new_tokens)])


class Arrivals:
    """A streamer for `generate` that only looks at the clock: when did the first tokens come, when the last?"""

    def __init__(self) -> None:
        self._moments: list[float] = []  # seconds; the prompt comes first
        self.num_first = 0  # tokens of the first forward pass

    def put(self, tokens: Tensor) -> None:
        self._moments.append(perf_counter())
        if len(self._moments) == 2:
            self.num_first = tokens.numel()

    def end(self) -> None:
        return None

    @property
    def seconds_after_first(self) -> float:
        return self._moments[-1] - self._moments[1] if len(self._moments) > 1 else 0.0
