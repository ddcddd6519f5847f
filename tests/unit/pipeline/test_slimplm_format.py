"""SlimPLM's language, as it should come and as it does come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.slimplm_format import (
    TAG,
    Lookup,
    Rewriting,
    coarse_prompt,
    is_known,
    read_rewriting,
)

WHOLE = (
    "<Task(Knowledge)> <Timeliness(False)> <Questions> "
    "<Question(Who built the Sandpiper?)> <NeedSearch(True)> <Query(Sandpiper builder)> "
    "<Question(What is a ferry?)> <NeedSearch(False)> <Query()> </Questions> "
    "<Claims> <Claim(The Sandpiper (the old one) was built in Leith.)> <NeedSearch(True)> "
    "<Query(Where was the Sandpiper (1931) built?)> </Claims> "
)
BUILDER = Lookup("Who built the Sandpiper?", True, "Sandpiper builder")
FERRY = Lookup("What is a ferry?", False, "")
LEITH = Lookup(
    "The Sandpiper (the old one) was built in Leith.", True, "Where was the Sandpiper (1931) built?"
)


def test_a_whole_answer_is_read() -> None:
    assert read_rewriting(WHOLE) == Rewriting((BUILDER, FERRY), (LEITH,))
    assert [item.is_wanted for item in (BUILDER, FERRY, LEITH)] == [True, False, True]


def rendered(rewriting: Rewriting) -> str:
    """As the models were taught to write it."""

    def items(name: str, lookups: tuple[Lookup, ...]) -> str:
        written = "".join(
            f"<{name}({each.text})> <NeedSearch({each.needs_search})> <Query({each.query})> "
            for each in lookups
        )
        return f"<{name}s> {written}</{name}s> "

    return items("Question", rewriting.sub_questions) + items("Claim", rewriting.claims)


texts = st.text(max_size=40).map(str.strip).filter(lambda text: not TAG.search(text + "x)>"))
texts = texts.filter(lambda text: ")>" not in text)
lookups = st.builds(Lookup, texts.filter(bool), st.booleans(), texts)
rewritings = st.builds(
    Rewriting,
    st.lists(lookups, max_size=4).map(tuple),
    st.lists(lookups, max_size=4).map(tuple),
)


@given(rewriting=rewritings)
def test_what_is_written_as_taught_is_read_as_meant(rewriting: Rewriting) -> None:
    assert read_rewriting(rendered(rewriting)) == rewriting


@given(rewriting=rewritings, cut=st.integers(0, 400))
def test_an_answer_cut_short_loses_its_end_and_nothing_before(
    rewriting: Rewriting, cut: int
) -> None:
    part = read_rewriting(rendered(rewriting)[:cut])
    for whole, found in (
        (rewriting.sub_questions, part.sub_questions),
        (rewriting.claims, part.claims),
    ):
        assert found[:-1] == whole[: max(0, len(found) - 1)]
        if found:
            assert found[-1].text == whole[len(found) - 1].text


FRAGMENTS = [
    "<Questions>", "</Questions>", "<Claims>", "</Claims>", "<Question(", "<Claim(", "<NeedSearch(", "<Query(",
    "<Task(", "True", "False", ")> ", ")", ">", "(", "<", "</", " who ", "\n", "<Known(", "<Query(a)>",
]  # fmt: skip


@given(text=st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5)).map("".join))
def test_any_text_can_be_read(text: str) -> None:
    rewriting = read_rewriting(text)
    assert all(item.text.strip() for item in (*rewriting.sub_questions, *rewriting.claims))
    assert is_known(text) in (True, False)


@given(text=st.text())
def test_text_without_marks_says_nothing(text: str) -> None:
    if "<" not in text:
        assert read_rewriting(text) == Rewriting()
        assert not is_known(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Rewriting()),
        ("The answer is 42.", Rewriting()),
        ("<Query(nobody's)> <NeedSearch(True)>", Rewriting()),
        ("<Claim()> <NeedSearch(True)> <Query(of nothing)>", Rewriting()),
        ("<Question(Who?)>", Rewriting((Lookup("Who?", True),))),
        ("<Question(Who?)> <Query(q)>", Rewriting((Lookup("Who?", True, "q"),))),
        ("<Question(Who?)> <NeedSearch(maybe)> <Query(q)>", Rewriting((Lookup("Who?", True, "q"),))),
        ("<question( Who? )> <NEEDSEARCH(false)> <query( q )>", Rewriting((Lookup("Who?", False, "q"),))),
        ("<Question(Who?) <NeedSearch(False)> <Query(q)>", Rewriting((Lookup("Who?", False, "q"),))),
        ("<Question(Who? <NeedSearch(False) > <Query(q)>", Rewriting((Lookup("Who?", False, "q"),))),
        ("<Question(Who (a)? <Query(q)>", Rewriting((Lookup("Who (a)?", True, "q"),))),
        ("<Question(Who?)> <Query(half a que", Rewriting((Lookup("Who?", True),))),
        ("<Question(Who?)> <Query(q)> <Claim(half a cla", Rewriting((Lookup("Who?", True, "q"),))),
        ("<Question(Who?)> </Questions> <Query(stray)>", Rewriting((Lookup("Who?", True),))),
        ("<Question(Who?)> <Query(first)> <Query(second)>", Rewriting((Lookup("Who?", True, "first"),))),
        ("<Claim(A.)> <Question(B?)>", Rewriting((Lookup("B?", True),), (Lookup("A.", True),))),
        ("so: <Claim(A)> and <Query(q)> then", Rewriting((), (Lookup("A", True, "q"),))),
    ],
)  # fmt: skip
def test_what_comes_otherwise_is_read_as_far_as_it_can_be_made_out(
    text: str, expected: Rewriting
) -> None:
    assert read_rewriting(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Known(True)> ", True),
        ("<Known(False)> ", False),
        ("Surely: <known( true )", True),
        ("<Known(True)> <Known(True)>", True),
        ("<Known(True)> <Known(False)>", False),
        ("<Known(Yes)>", False),
        ("<Known()>", False),
        ("<Known(", False),
        ("Known(True)", False),
        ("True", False),
        ("", False),
    ],
)
def test_only_what_says_so_is_known(text: str, expected: bool) -> None:
    assert is_known(text) is expected


def test_the_prompt_has_the_frame_and_the_field_names_of_the_trained_models() -> None:
    prompt = coarse_prompt("Who rows?", "Ann rows.", task="Do it.")
    assert prompt.segments == (
        "[INST] <<SYS>>\nDo it. <</SYS>>\n Course answer: ((Ann rows.))\nQuestion: ((Who rows?)) [/INST]",
    )
