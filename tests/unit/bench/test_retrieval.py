"""The measurement of search from end to end, on a set of a user's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.retrieval_fusions import FUSIONS, by_ranks
from bench.retrieval_peers import Bm25s
from bench.retrieval_rerankers import excerpt
from bench.retrieval_runs import Searchable, dense_run, fused_run, lexical_run
from bench.retrieval_sets import Entry, SearchSet, write_set
from retrieval.embed import HashEmbedder
from retrieval.reader import Excerpt

TEXTS = {
    "fares": "A single ticket to the islands costs four pounds.",
    "times": "The first boat to the islands leaves at nine.",
    "snow": "In winter snow may fall on the hills behind the harbour.",
}
OWN = SearchSet(
    "own",
    tuple(Entry(id_, "", text) for id_, text in TEXTS.items()),
    {"1": "When does the first boat leave?", "2": "Is there snow on the hills in winter?"},
    {"1": {"times": 1}, "2": {"snow": 2, "fares": 0}},
)


@pytest.fixture
def searchable(tmp_path: Path) -> Searchable:
    return Searchable(OWN, embedder=HashEmbedder(), cache=tmp_path)


def test_every_way_of_searching_brings_a_run(searchable: Searchable) -> None:
    found = searchable.find_all()
    for run in (dense_run(found), lexical_run(found), fused_run(found)):
        assert [run[query][0] for query in ("1", "2")] == ["times", "snow"]
    searchable.close()


def test_the_products_fusion_is_one_of_those_compared(searchable: Searchable) -> None:
    for found in searchable.find_all().values():
        fused = [each.id for each in found.fused()]
        assert FUSIONS["by scores, dense 0.5"](found)[:2] == fused[:2]
        assert by_ranks(found, k=60)[0] == fused[0]
    searchable.close()


def test_the_peer_finds_the_same_words() -> None:
    peer = Bm25s(OWN, method="lucene", has_stemmer=True)
    assert peer.search("snowy hills")[0] == "snow"


def test_a_titles_line_is_an_excerpts_heading() -> None:
    assert excerpt("Fares\nFour pounds.\nMore.") == Excerpt("Four pounds.\nMore.", heading="Fares")
    assert excerpt("Four pounds.") == Excerpt("Four pounds.")


def test_the_command_reports_on_a_set_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path / "own", OWN)
    report, picture = tmp_path / "report.json", tmp_path / "picture.svg"
    words = f"retrieval --set {tmp_path / 'own'} --embedder hash-256 --cache {tmp_path / 'cache'}"
    files = f"--json {report} --picture {picture} --lexical-peers"
    main(f"{words} {files}".split())
    row: dict[str, Any] = json.loads(report.read_text())["sets"]["own"]
    assert (row["passages"], row["queries"], row["primary"]) == (3, 2, "ndcg@10")
    assert row["systems"]["fused"]["ndcg@10"]["value"] == 1
    assert row["differences"]["fused - dense"]["value"] == 0
    assert set(row["lexical_peers"]["bm25s, lucene"]["ms"]) >= {"p50", "cpu_p99"}
    assert "own, ndcg@10" in picture.read_text()
    assert "fused" in capsys.readouterr().out
    picture.unlink()
    main(f"{words} {files} --redraw".split())
    assert "own, ndcg@10" in picture.read_text()


def test_without_a_set_the_command_says_what_it_needs() -> None:
    with pytest.raises(SystemExit, match="--data FOLDER"):
        main(["retrieval"])
