"""Does the site tell plots, which dark mode inverts, from pictures, which keep their pixels?"""

import matplotlib.pyplot as plt
import pytest

from tools.plots import is_plot
from tools.site_repairs import sized
from vcodec.images import embedded


def draw_curve(axes):
    axes.plot([0, 1, 2], [3, 5, 4], "o-", label="JPEG")
    axes.legend()


def draw_bars(axes):
    axes.bar([0, 1, 2], [3, 5, 4], width=0.4)


def draw_photo(axes):
    axes.imshow(embedded("camera")[:192, :192], cmap="gray")
    axes.set_axis_off()


@pytest.mark.parametrize(
    ("drawings", "expected"),
    [([draw_curve], True), ([draw_bars], True), ([draw_photo], False), ([draw_photo, draw_curve], False)],
)
def test_a_figure_with_a_photograph_is_no_plot(drawings, expected, tmp_path):
    figure, axes = plt.subplots(1, len(drawings), figsize=(4 * len(drawings), 3), squeeze=False, layout="constrained")
    for draw, place in zip(drawings, axes[0], strict=True):
        draw(place)
    figure.savefig(tmp_path / "a.png")
    plt.close(figure)
    assert is_plot(tmp_path / "a.png") == expected
    page = sized('<img alt="A" src="a.png">', tmp_path)
    assert ("data-plot" in page) == expected and f'width="{400 * len(drawings)}" height="300"' in page
