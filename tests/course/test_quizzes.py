"""Quizzes: numbers that are computed, one right answer each, and a GIFT file that says what the source says."""

import html
import re
from collections import Counter

import nbformat
import pytest

from tools.course import write_quizzes
from tools.quizzes import PAGE, Question, Quiz, choices, escape, gift, page, quizzes, value

QUIZZES = quizzes()
QUESTIONS = [pytest.param(q, id=f"{quiz.number}-{q.name}") for quiz in QUIZZES for q in quiz.questions]
NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?")


def number_in(text: str) -> str | None:
    """The first number of an answer, as Python writes it: "−1,536" is "-1536"."""
    found = NUMBER.search(text)
    return found[0].replace(",", "").replace("−", "-") if found else None


def unescape(text: str) -> str:
    return html.unescape(re.sub(r"</?code>", "`", re.sub(r"\\([\\~=#{}:])", r"\1", text)))


def parse(text: str) -> list[Question]:
    """Read GIFT as Moodle describes it: blocks between empty lines, marks where they are not escaped."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith("$CATEGORY: "):
            continue
        name, ask, body = re.fullmatch(
            r"::((?:\\.|[^\\:])*)::\[html\]((?:\\.|[^\\{}])*) \{((?:\\.|[^\\{}])*)\}", block, re.S
        ).groups()
        body, because = re.split(r"(?<!\\)####", body)
        answers = re.findall(r"([=~])((?:\\.|[^\\=~])*)", body, re.S)
        told = [(mark, *map(unescape, map(str.strip, re.split(r"(?<!\\)#", answer)))) for mark, answer in answers]
        (right,) = (answer for mark, answer, _ in told if mark == "=")
        wrong = tuple((answer, why) for mark, answer, why in told if mark == "~")
        found.append(Question(unescape(name)[5:], unescape(ask), right, unescape(because.strip()), wrong))
    return found


def test_each_session_has_ten_questions_of_its_own():
    assert [(quiz.number, len(quiz.questions)) for quiz in QUIZZES] == [(number, 10) for number in range(1, 7)]
    asked = Counter(question.ask for quiz in QUIZZES for question in quiz.questions)
    assert max(asked.values()) == 1


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_differs_and_every_wrong_one_is_explained(question):
    assert len(question.wrong) == 3 and len({text for text, _ in choices(question)}) == 4
    assert all(why for _, why in question.wrong) and question.because


@pytest.mark.parametrize("question", [param for param in QUESTIONS if param.values[0].check])
def test_the_right_number_is_what_its_expression_gives_and_no_wrong_one_is(question):
    said = number_in(question.right)
    digits = len(said.partition(".")[2])
    assert round(value(question), digits) == float(said)
    assert said not in [number_in(text) for text, _ in question.wrong]


def test_an_answer_that_begins_with_a_number_is_computed():
    unchecked = [q.name for quiz in QUIZZES for q in quiz.questions if NUMBER.match(q.right) and not q.check]
    assert unchecked == []


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: str(quiz.number))
def test_gift_read_again_is_the_source(quiz):
    for read, question in zip(parse(gift(quiz)), quiz.questions, strict=True):
        assert read._replace(wrong=set(read.wrong)) == question._replace(wrong=set(question.wrong), check="")


def test_gift_keeps_its_own_marks_and_html_apart_from_the_text():
    text = r"a = {b: c} ~ #1 \frac, x < y & `z = 1`"
    assert escape("x = 1:") == r"x \= 1\:" and "<code>" in escape("`z`") and "&lt;" in escape("<")
    odd = Question("odd: 1", text, text, text, ((text + "1", text), (text + "2", text), (text + "3", text)))
    (read,) = parse(gift(Quiz(9, "odd", (odd,))))
    assert read._replace(wrong=set(read.wrong)) == odd._replace(wrong=set(odd.wrong))


def test_the_right_answer_stands_in_every_place():
    places = Counter([why for _, why in choices(q)].index("") for quiz in QUIZZES for q in quiz.questions)
    assert set(places) == {0, 1, 2, 3} and max(places.values()) <= 24


def test_the_page_is_what_the_source_says():
    assert PAGE.read_text(encoding="utf-8") == page(QUIZZES), "run: python -m tools.quizzes"


def test_each_session_has_a_file_for_moodle(tmp_path):
    write_quizzes(tmp_path / "quizzes")
    files = (tmp_path / "quizzes").glob("*.txt")
    names = {path.name: parse(path.read_text(encoding="utf-8")) for path in files}
    assert {name: len(found) for name, found in names.items()} == {f"session{n}.gift.txt": 10 for n in range(1, 7)}


def test_each_session_has_a_notebook_with_folded_answers(tmp_path):
    write_quizzes(tmp_path)
    for quiz in QUIZZES:
        made = nbformat.read(tmp_path / f"session{quiz.number}.ipynb", as_version=4)
        nbformat.validate(made)
        told = [cell.source.partition("<details>") for cell in made.cells[1:]]
        assert all(q.ask in open_part for (open_part, _, _), q in zip(told, quiz.questions, strict=True))
        assert all(q.because in folded for (_, _, folded), q in zip(told, quiz.questions, strict=True))
