"""What every test shares: a clean environment, no model hub, figures that the run prints at its end."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # before torch loads: two cores serve everything here
os.environ["HF_HUB_OFFLINE"] = "1"
for name in [name for name in os.environ if name.startswith("GLEANDRAFT_")]:
    del os.environ[name]

import pytest  # noqa: E402  (the environment comes first)

from tests.fixtures.model_server import ModelServer  # noqa: E402

if TYPE_CHECKING:
    from retrieval import Embedder, KnowledgeBase

FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines that the end of the run shows: counts that a green dot would hide."""
    return request.config.stash[FIGURES]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.stash[FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[FIGURES]:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a tokenizer of its own, as a folder: what a user might name as a model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    samples = Path(__file__).parents[1] / "samples" / "documents"
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(path) for path in samples.iterdir()], trainer)
    torch.manual_seed(11)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.2,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"}'
    )

    return folder


@pytest.fixture(scope="session")
def random_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder with the packaged layers under a random head: its beliefs are noise, its way through is not."""
    from safetensors.torch import save_file

    from retrieval import MiniLmEmbedder
    from retrieval.reader import WEIGHTS_FILE, is_trained, model_on

    folder = tmp_path_factory.mktemp("reader")
    weights = model_on(MiniLmEmbedder().verify()).state_dict()
    trained = {name: tensor for name, tensor in weights.items() if is_trained(name)}
    save_file(trained, folder / WEIGHTS_FILE)
    return folder


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """An OpenAI-compatible server on loopback, to be scripted."""
    with ModelServer().running() as server:
        yield server


@pytest.fixture
def other_embedder() -> "Embedder":
    """Of the dimension of the hashed words, so that nothing but its name tells it from them."""
    from retrieval import HashEmbedder

    embedder = HashEmbedder()
    embedder.name = embedder.given_as = "other-256"
    return embedder


@pytest.fixture
def searched() -> "Callable[[KnowledgeBase, str], AbstractContextManager[list[BaseException]]]":
    """
    Three threads that search a knowledge base while something else happens to it, and once more
    afterwards; each ends with its first error, and afterwards the list holds them.
    """
    return searched_by_threads


@contextmanager
def searched_by_threads(kb: "KnowledgeBase", query: str) -> Iterator[list[BaseException]]:
    failures: list[BaseException] = []
    is_over = threading.Event()

    def search() -> None:
        is_last = False
        try:
            while not is_last:
                is_last = is_over.is_set()
                kb.search([query], limit=1)
        except BaseException as error:  # whatever it is, it is news
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def is_refused_in_a_fork() -> Callable[[Callable[[], object]], bool]:
    """Whether a use of what this process has opened raises `UsedAfterFork` in a child."""
    return fails_in_a_fork


def fails_in_a_fork(use: Callable[[], object]) -> bool:
    from retrieval.errors import UsedAfterFork

    child = os.fork()
    if child == 0:  # no assert here: it would run the rest of the tests in the fork
        status = 1
        try:
            use()
        except UsedAfterFork:
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
