"""Draw the picture on the first page and in the README: python tools/cover.py

One photograph as plain JPEG, and in no more bytes as a JPEG that the networks made and restored.
Writes book/_static/cover.png."""

import matplotlib.pyplot as plt

import vcodec
from vcodec.evaluation.figures import show_pictures
from vcodec.images import embedded
from vcodec.metrics import psnr_y
from vcodec.quality import best_quality
from vcodec.standard import CODECS

PHOTO, RATE = "astronaut", 0.2  # bits per pixel of the original
CROP = (50, 130, 180, 180)


def main() -> None:
    photo = embedded(PHOTO)
    jpeg, scic = CODECS["jpeg"], vcodec.load("scic-jpeg")
    budget = RATE * photo.shape[0] * photo.shape[1] / 8
    scic_file = scic.encode(photo, max_bytes=budget, scale=2)
    quality, _ = best_quality(lambda quality: jpeg.encode(photo, quality), len(scic_file) - 1)
    plain_file = jpeg.encode(photo, quality + 1)  # at least as many bytes as ours
    pictures = {
        "original": photo,
        "plain JPEG": jpeg.decode(plain_file),
        "our JPEG in any viewer": scic.codec.decode(scic_file),
        "our JPEG, restored": scic.decode(scic_file),
    }
    sizes = [photo.size, len(plain_file), len(scic_file), len(scic_file)]
    titles = {}
    for (name, picture), size in zip(pictures.items(), sizes, strict=True):
        quality = "" if picture.shape != photo.shape or name == "original" else f", {psnr_y(picture, photo):.1f} dB"
        titles[f"{name}\n{size:,} bytes{quality}"] = picture
    figure = show_pictures(titles, CROP)
    figure.savefig("book/_static/cover.png", dpi=110, pil_kwargs={"optimize": True})
    plt.close(figure)


if __name__ == "__main__":
    main()
