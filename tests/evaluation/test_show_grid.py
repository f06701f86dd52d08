"""A grid of pictures: each in its place under its title, and no empty frames."""

import matplotlib.pyplot as plt
import numpy as np

from vcodec.evaluation.figures import show_grid


def test_every_picture_has_its_place_and_its_title():
    pictures = {f"level {level}": np.full((20, 40), level, np.uint8) for level in (0, 10, 20, 30)}
    figure = show_grid(pictures, columns=3)
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == list(pictures)
    assert [int(axes.images[0].get_array()[0, 0]) for axes in shown] == [0, 10, 20, 30]
    assert len(figure.axes) == 6 and figure.get_figwidth() == 6.4
    plt.close(figure)
