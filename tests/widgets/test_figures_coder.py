"""The arithmetic coder's exact functions: what is sent is enough, not a bit too much, and decodes to the message."""

import itertools
import math
import random
from fractions import Fraction

import pytest
from figure_page import fixed, fixture_for, needs_chromium, readout, set_state, slide, state
from playwright.sync_api import expect

from vcodec.errors import CodecError
from vcodec.widgets import ArithmeticCoderExplorer
from vcodec.widgets.arithmetic_coder import decode, final_bits, interval, settled_bits


def messages(count: int):
    """Random messages with random counts of 2 to 4 symbols."""
    dice = random.Random(0)
    for _ in range(count):
        counts = [dice.randint(1, 99) for _ in range(dice.randint(2, 4))]
        alphabet = "ABCD"[: len(counts)]
        yield "".join(dice.choices(alphabet, counts, k=dice.randint(1, 20))), alphabet, counts


def test_an_interval_worked_out_by_hand():
    assert interval("BA", "ABC", (2, 1, 1)) == (Fraction(1, 2), Fraction(5, 8))
    assert settled_bits(Fraction(1, 2), Fraction(5, 8)) == final_bits(Fraction(1, 2), Fraction(5, 8)) == "100"


def test_messages_come_back_and_cost_less_than_two_bits_more_than_they_are_worth():
    for message, alphabet, counts in messages(200):
        low, high = interval(message, alphabet, counts)
        bits = final_bits(low, high)
        assert decode(bits, alphabet, counts, len(message)) == message
        assert len(bits) < 2 - math.log2(high - low)


def test_no_shorter_bits_would_do():
    for message, alphabet, counts in itertools.islice(messages(200), 20):
        low, high = interval(message, alphabet, counts)
        length = len(final_bits(low, high)) - 1
        number = math.ceil(low * 2**length) if length >= 0 else 0
        assert length < 0 or Fraction(number + 1, 2**length) > high


def test_settled_bits_only_grow_and_begin_the_final_ones():
    for message, alphabet, counts in messages(50):
        sent = [settled_bits(*interval(message[:n], alphabet, counts)) for n in range(len(message) + 1)]
        whole = final_bits(*interval(message, alphabet, counts))
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise([*sent, whole]))


def test_before_the_end_the_decoder_knows_only_what_is_certain():
    for message, alphabet, counts in messages(50):
        for n in range(len(message)):
            known = decode(
                settled_bits(*interval(message[:n], alphabet, counts)), alphabet, counts, len(message), False
            )
            assert message[:n].startswith(known)


def test_one_wrong_probability_kills_the_decoder():
    figure = ArithmeticCoderExplorer(position=8, decoder_counts=[3, 3, 1, 1])
    assert figure.received() != figure.message
    figure.decoder_counts = figure.counts
    assert figure.received() == figure.message == "ABACADAB"


def test_repr_has_the_exact_interval():
    text = repr(ArithmeticCoderExplorer("AB", (1, 3), position=2))
    assert "[1/16, 1/4)" in text and "2.42 bits" in text and "'001'" in text


@pytest.mark.parametrize(
    "bad",
    [
        {"message": ""}, {"message": "A" * 21}, {"message": "AX"}, {"counts": (1,)}, {"counts": (1, 2, 3, 4, 5)},
        {"counts": (1, 2), "alphabet": "AA"}, {"decoder_counts": [1, 2]},
        {"counts": (1, 0)}, {"decoder_counts": [4, 2, 1, 100]},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused(bad):
    with pytest.raises(CodecError):
        ArithmeticCoderExplorer(**bad)


def test_poster_has_a_row_for_each_symbol():
    assert ArithmeticCoderExplorer("ABAC").poster().shape[0] == 4 * 18 + 34


# The page, by mouse, keys and touch: what it shows is what Python computes.


def explore_coder() -> ArithmeticCoderExplorer:
    return ArithmeticCoderExplorer()


coder_page = fixture_for(explore_coder)


def cut(value: Fraction, digits: int = 10) -> str:
    """As the page writes it: cut off, with an ellipsis where digits are missing."""
    whole = value * 10**digits
    text = f"{whole.numerator // whole.denominator:0{digits + 1}d}"
    text = f"{text[:-digits]}.{text[-digits:]}"
    return text + "…" if whole.denominator > 1 else text.rstrip("0").rstrip(".")


def same_coder(page) -> ArithmeticCoderExplorer:
    """Python's figure in the page's state."""
    names = ("message", "counts", "decoder_counts", "position")
    return ArithmeticCoderExplorer(**{name: state(page, name) for name in names})


def check_coder(page) -> None:
    figure = same_coder(page)
    low, high = interval(figure.message[: figure.position], figure.alphabet, figure.counts)
    assert readout(page) == {
        "symbols coded": f"{figure.position} of {len(figure.message)}",
        "low end": cut(low),
        "high end": cut(high),
        "width": cut(high - low),
        "information, −log2 width": f"{fixed(figure.information(), 2)} bits",
        "bits sent": str(len(figure.sent())),
    }
    assert page.locator(".vcx-bits").inner_text() == (figure.sent() or "none yet")
    received = "".join(page.locator(".vcx-received span").all_inner_texts())
    assert received.replace("✗", "") == figure.received()


@needs_chromium
class TestArithmeticCoderExplorer:
    def test_every_step_is_exact(self, coder_page):
        set_state(coder_page, counts=[40, 33, 7, 1], decoder_counts=[40, 33, 7, 1], message="BADCABBABCAABADDCABA")
        for position in range(21):
            set_state(coder_page, position=position)
            check_coder(coder_page)

    def test_keys_walk_through_the_message(self, coder_page):
        slide(coder_page, "Symbols coded", "ArrowRight", 3)
        assert state(coder_page, "position") == 3
        slide(coder_page, "Symbols coded", "End")
        assert state(coder_page, "position") == 8
        expect(coder_page.get_by_role("status")).to_contain_text("all right")
        check_coder(coder_page)

    @pytest.mark.telephone
    def test_buttons_walk_and_stop_at_the_ends(self, coder_page):
        expect(coder_page.get_by_role("button", name="back")).to_be_disabled()
        coder_page.get_by_role("button", name="next symbol").tap()
        coder_page.get_by_role("button", name="next symbol").click()
        coder_page.get_by_role("button", name="back").click()
        assert state(coder_page, "position") == 1

    def test_play_runs_to_the_end_and_stops(self, coder_page):
        set_state(coder_page, position=6)
        coder_page.get_by_role("button", name="play").click()
        expect(coder_page.get_by_role("button", name="pause")).to_be_visible()
        coder_page.wait_for_function("model.get('position') === 8")
        expect(coder_page.get_by_role("button", name="play")).to_be_visible()

    def test_a_changed_probability_in_the_decoder_alone_kills_it(self, coder_page):
        set_state(coder_page, position=8)
        coder_page.get_by_role("group", name="Decoder's counts").get_by_role("spinbutton", name="B").fill("3")
        coder_page.keyboard.press("Tab")
        expect(coder_page.get_by_role("status")).to_contain_text("wrong from symbol")
        check_coder(coder_page)
        coder_page.get_by_role("button", name="give the decoder").click()
        expect(coder_page.get_by_role("status")).to_contain_text("all right")

    def test_the_decoder_follows_the_encoder_until_it_is_changed(self, coder_page):
        encoder = coder_page.get_by_role("group", name="Encoder's counts")
        encoder.get_by_role("spinbutton", name="A").fill("9")
        coder_page.keyboard.press("Tab")
        assert state(coder_page, "decoder_counts") == [9, 2, 1, 1]
        set_state(coder_page, decoder_counts=[1, 1, 1, 1])
        encoder.get_by_role("spinbutton", name="C").fill("0")
        coder_page.keyboard.press("Tab")
        assert state(coder_page, "counts") == [9, 2, 1, 1], "a count of 0 is not taken"
        assert state(coder_page, "decoder_counts") == [1, 1, 1, 1]

    def test_a_count_that_is_not_taken_is_explained_until_one_is(self, coder_page):
        field = coder_page.get_by_role("group", name="Decoder's counts").get_by_role("spinbutton", name="B")
        said = coder_page.get_by_role("alert")
        for count, words in {"0": "no bits can say it", "1.5": "whole number from 1 to 99", "100": "1 to 99"}.items():
            field.fill(count)
            coder_page.keyboard.press("Tab")
            expect(said).to_contain_text("The count of B stays")
            expect(said).to_contain_text(words)
            expect(field).to_have_value("2")
        field.fill("3")
        coder_page.keyboard.press("Tab")
        expect(said).to_have_count(0)
        assert state(coder_page, "decoder_counts") == [4, 3, 1, 1]

    def test_a_message_of_ones_own(self, coder_page):
        coder_page.get_by_role("textbox", name="Message").fill("dad, cab!")
        assert state(coder_page, "message") == "DADCAB"
        set_state(coder_page, position=6)
        check_coder(coder_page)
