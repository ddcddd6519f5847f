"""Questions made by rule: the answer holds the words taken out, and the question asks for such words."""

import random

import pytest

from training.questions import GroundedQuestion
from training.synthetic import Article, QuestionMaker, articles, given_names

NAMES = frozenset({"Maren", "Tom"})
SENTENCES = {
    "date": ("the cooperative was founded by forty-two islanders on 3 May 1987 in the hall.", "3 May 1987"),
    "year": ("the old fishing boat without any cars was finally sold again in 1999.", "1999"),
    "number": ("every summer the two boats of the island carry about 98,400 passengers.", "98,400"),
    "person": ("the board of the ferry cooperative has been led by Maren Olsby ever since.", "Maren Olsby"),
    "place": ("the ticket office stands beside the fish market in Port Kellan.", "Port Kellan"),
    "thing": ("the islanders bought an old fishing boat called the Gannet that autumn.", "Gannet"),
}  # fmt: skip
FIRST_WORDS = {
    "date": ("When", "In what year", "On what date"),
    "year": ("When", "In what year", "On what date"),
    "number": ("How many passengers", "How many"),
    "person": ("Who", "Whom", "Which person"),
    "place": ("Where", "In which place", "What place"),
    "thing": ("What", "Which", "Who"),
}


def questions_on(sentence: str, *, title: str = "Brannay Ferry") -> list[GroundedQuestion]:
    """What twenty seeds ask about it; where too few of its words are left, nothing is asked."""
    made = [
        QuestionMaker(NAMES, rng=random.Random(seed)).ask(title, sentence, sentence)
        for seed in range(20)
    ]
    return [item for item in made if item is not None]


@pytest.mark.parametrize("kind", SENTENCES)
def test_the_answer_holds_what_the_question_asks_for(kind: str) -> None:
    sentence, wanted = SENTENCES[kind]
    made = questions_on(sentence)
    assert len(made) > 10
    for item in made:
        assert wanted in item.answer
        assert item.answer in item.sentence == sentence
        assert wanted not in item.question
        assert item.question.startswith(FIRST_WORDS[kind])
        assert item.question.endswith("?")


def test_the_rest_of_a_question_is_words_of_the_sentence_or_its_title() -> None:
    for sentence, _ in SENTENCES.values():
        for item in questions_on(sentence, title="Cooperatives"):
            words = set(item.question.rstrip("?").split()[3:]) - {"Cooperatives"}
            assert words <= {word.strip('()",;:.') for word in sentence.split()}


def test_a_question_has_at_least_two_words_that_tell_something() -> None:
    assert questions_on("it was in 1999 that he and she were there with him.") == []


def test_the_seed_fixes_the_question() -> None:
    sentence, _ = SENTENCES["date"]
    assert questions_on(sentence) == questions_on(sentence)
    assert len({item.question for item in questions_on(sentence)}) > 5


def test_a_sentence_without_names_dates_and_numbers_asks_nothing() -> None:
    maker = QuestionMaker(NAMES, rng=random.Random(1))
    assert (
        maker.ask("Sea", "x", "The boats sail out in the morning and come back at night.") is None
    )


def test_questions_are_about_different_sentences_and_at_most_so_many() -> None:
    paragraph = " ".join(text[0].upper() + text[1:] for text, _ in SENTENCES.values())
    article = Article("Brannay", (paragraph,))
    for most in (1, 3, 9):
        made = QuestionMaker(NAMES, rng=random.Random(1)).questions(article, paragraph, most=most)
        assert len(made) == min(most, len(SENTENCES))
        assert len({item.sentence for item in made}) == len(made)
        assert all(item.passage == paragraph and item.title == "Brannay" for item in made)


def test_sentences_too_short_or_too_long_are_not_asked_about() -> None:
    paragraph = f"Tom came in 1999. In 2000 {'very ' * 40}many came."
    maker = QuestionMaker(NAMES, rng=random.Random(1))
    assert maker.questions(Article("Sea", (paragraph,)), paragraph, most=5) == []


def test_articles_keep_paragraphs_of_a_passage_length_and_need_two() -> None:
    good, short, long = "word " * 40, "word " * 10, "word " * 200
    rows = [
        {"title": "Kept", "text": f"{good}\n{short}\n{good}\n{long}"},
        {"title": "Left out", "text": f"{good}\n{short}"},
    ]
    assert list(articles(rows)) == [Article("Kept", (good, good))]


def test_given_names_are_shared_by_the_titles_of_several_biographies() -> None:
    def biography(title: str) -> Article:
        return Article(title, (f"{title} (born 1950) is an American actor and singer.", "More."))

    pool = [
        biography("Maren Olsby"), biography("Maren Smith"), biography("Tom Jones"),
        Article("Port Kellan", ("Port Kellan is a harbour town.",)),
        Article("Port Brannay", ("Port Brannay is a village.",)),
    ]  # fmt: skip
    assert given_names(pool) == {"Maren"}
