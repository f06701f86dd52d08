"""The DCT explorer's numbers in Python: the bits are those of real files, to the last one."""

import io

import numpy as np
import pytest
from conftest import jpeg
from figure_page import box, fixed, fixture_for, needs_chromium, readout, set_state, slide, state, stored
from PIL import Image
from playwright.sync_api import expect

from vcodec.dct import block_dct
from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.metrics import psnr
from vcodec.standard.jpeg_bits import SIXTEEN_ZEROS, block_bits, block_symbols, code_lengths, read_levels
from vcodec.standard.trellis import ZIGZAG
from vcodec.widgets import DctExplorer

CROP = embedded("camera")[60:188, 180:308]


def scan_bits(data: bytes) -> int:
    """Bits between the scan's header and the end of the image, without stuffed bytes; up to 7 are padding."""
    start = data.index(b"\xff\xda")
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return 8 * len(data[start:-2].replace(b"\xff\x00", b"\xff"))


@pytest.mark.parametrize("options", [{"quality": q} for q in (1, 10, 50, 90, 100)] + [{"optimize": True}], ids=str)
def test_the_blocks_cost_what_the_file_holds(options):
    file = jpeg(CROP, **options)
    total = block_bits(read_levels(file), *code_lengths(file)).sum()
    assert 0 <= scan_bits(file) - total < 8


def test_code_lengths_are_those_of_annex_k():
    dc, ac = code_lengths(jpeg(CROP))
    assert dc[:12].tolist() == [2, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9]  # T.81, table K.3
    assert [ac[0x00], ac[0x01], ac[0x02], ac[0x11], ac[0xF0], ac[0xFA]] == [4, 2, 2, 4, 11, 16]  # table K.5


def test_sixteen_zeros_cost_a_symbol_of_their_own_and_the_last_integer_needs_no_end():
    dc, ac = code_lengths(jpeg(CROP))
    scan = np.zeros(64, int)
    scan[[0, 40, 63]] = 5, -1, 1
    symbols = block_symbols(scan, 5, dc, ac)
    assert [s.value for s in symbols] == [0, SIXTEEN_ZEROS, SIXTEEN_ZEROS, 16 * 7 + 1, SIXTEEN_ZEROS, 16 * 6 + 1]


def test_a_file_without_tables_is_refused():
    with pytest.raises(CodecError, match="no Huffman tables"):
        code_lengths(b"\xff\xd8\xff\xd9")


def test_the_files_integers_are_the_rounded_coefficients():
    """The explorer's integers come from a file; the book's own DCT agrees but where a coefficient is almost a half."""
    explorer = DctExplorer(CROP, quality=30)
    exact = block_dct(CROP) / explorer.steps
    assert np.abs(explorer.result().levels - exact).max() < 0.52


def test_the_picture_is_what_pillow_decodes():
    explorer = DctExplorer(CROP, quality=80)
    assert np.array_equal(explorer.result().picture, np.asarray(Image.open(io.BytesIO(jpeg(CROP, quality=80)))))


def test_repr_has_the_numbers():
    explorer = DctExplorer(CROP, table="flat", step=20, block=[3, 4])
    result = explorer.result()
    text = f"step 20: {result.bits.sum():,} bits"
    assert text in repr(explorer) and f"row 3, column 4: {result.bits[3, 4]} bits" in repr(explorer)
    assert explorer.steps.tolist() == np.full((8, 8), 20).tolist()


def test_state_is_small_and_has_a_poster():
    explorer = DctExplorer(CROP)
    assert len(str(stored(explorer))) < 60_000
    data, _ = explorer._repr_mimebundle_()
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(data)


@pytest.mark.parametrize("bad", [CROP[:100], np.zeros((264, 264), np.uint8), embedded("chelsea")[:64, :64]], ids=str)
def test_pictures_that_do_not_fit_are_refused(bad):
    with pytest.raises(CodecError, match="multiples of 8"):
        DctExplorer(bad)


def test_a_block_outside_is_refused():
    with pytest.raises(CodecError, match="16 rows"):
        DctExplorer(CROP, block=[16, 0])


def test_zigzag_walks_along_diagonals():
    assert ZIGZAG[:6].tolist() == [0, 1, 8, 16, 9, 2]


# The page, by mouse, keys and touch: what it shows is what Python computes.


def explore_dct() -> DctExplorer:
    return DctExplorer(CROP)


dct_page = fixture_for(explore_dct)


def dct_numbers(explorer: DctExplorer) -> tuple[dict[str, str], dict[str, str]]:
    """What the table must say of the block and of the picture, from a file that Pillow wrote."""
    result, (row, column) = explorer.result(), explorer.block
    place = np.s_[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]

    def texts(bits, levels, original, decoded):
        error = np.mean((original.astype(float) - decoded) ** 2)
        return {
            "bits of the scan": f"{bits:,}",
            "bits per pixel": fixed(bits / original.size, 3),
            "integers not 0": f"{np.count_nonzero(levels):,}",
            "mean squared error": fixed(error, 1),
            "PSNR (dB)": fixed(psnr(original, decoded), 2) if error else "∞",
        }

    block = texts(result.bits[row, column], result.levels[row, column], CROP[place], result.picture[place])
    return block, texts(result.bits.sum(), result.levels, CROP, result.picture)


@needs_chromium
class TestDctExplorer:
    def test_numbers_are_those_of_pillows_file(self, dct_page):
        settings = [{"table": "quality", "quality": q} for q in (1, 7, 50, 75, 93, 100)]
        settings += [{"table": "flat", "step": s} for s in (1, 16, 77, 255)]
        for setting in settings:
            set_state(dct_page, **setting)
            for block in ([8, 8], [0, 0], [15, 3]):
                set_state(dct_page, block=block)
                expected = dct_numbers(DctExplorer(CROP, block=block, **setting))
                assert (readout(dct_page, 1), readout(dct_page, 2)) == expected, (setting, block)

    @pytest.mark.parametrize("quality", [5, 60, 96])
    def test_pixels_are_those_of_pillows_file(self, dct_page, quality):
        set_state(dct_page, quality=quality)
        seen = dct_page.evaluate("""() => {
            const canvas = document.querySelector(".vcx-whole");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return [...data].filter((value, i) => i % 4 === 0);
        }""")
        assert np.array_equal(np.reshape(seen, CROP.shape), DctExplorer(CROP, quality=quality).result().picture)

    def test_integers_symbols_and_their_bits(self, dct_page):
        set_state(dct_page, block=[5, 9], quality=85)
        result = DctExplorer(CROP, quality=85).result()
        cells = dct_page.locator(".vcx-eight").nth(1).locator("td").all_inner_texts()
        assert [int(text.replace("−", "-")) for text in cells] == result.levels[5, 9].ravel().tolist()
        symbols = dct_page.locator(".vcx-symbols li").all_inner_texts()
        assert sum(int(text.rpartition(": ")[2]) for text in symbols) == result.bits[5, 9]

    def test_a_click_chooses_the_block_under_the_pointer(self, dct_page):
        place = box(dct_page, ".vcx-blocks")
        dct_page.mouse.click(place["x"] + 3.5 / 16 * place["width"], place["y"] + 9.5 / 16 * place["height"])
        assert state(dct_page, "block") == [9, 3]
        expect(dct_page.get_by_role("status")).to_contain_text("row 9, column 3")

    @pytest.mark.telephone
    def test_a_finger_chooses_a_block(self, dct_page):
        place = box(dct_page, ".vcx-blocks")
        dct_page.touchscreen.tap(place["x"] + 0.99 * place["width"], place["y"] + 0.01 * place["height"])
        assert state(dct_page, "block") == [0, 15]

    def test_arrow_keys_walk_and_stop_at_the_edge(self, dct_page):
        set_state(dct_page, block=[0, 14])
        dct_page.locator(".vcx-blocks").focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown"):
            dct_page.keyboard.press(key)
        assert state(dct_page, "block") == [1, 15]

    def test_keys_move_quality_and_step(self, dct_page):
        slide(dct_page, "JPEG quality", "ArrowLeft", 5)
        assert state(dct_page, "quality") == 45
        dct_page.locator(".vcx-pill", has_text="the same for all").click()
        slide(dct_page, "Step in levels", "End")
        assert state(dct_page, "step") == 255
        assert readout(dct_page, 2) == dct_numbers(DctExplorer(CROP, table="flat", step=255))[1]
