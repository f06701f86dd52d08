"""What a file of a standard format says about itself: which framework reads it, its size, step and header."""

from typing import Any

from vcodec.eight_bit import quiet_pillow
from vcodec.images import open_image
from vcodec.scic.header import read_header
from vcodec.standard.protocol import FRAMEWORKS, codec_of, own_format


def framework_of(data: bytes) -> str:
    """The framework that decodes a file, by its format: "scic-avif" for any AVIF. Raises CodecError for others."""
    return codec_of(data, FRAMEWORKS)


@quiet_pillow()
def describe(data: bytes) -> dict[str, Any]:
    """What a file says about itself, for `vcodec info`. Raises CodecError for what is not an image."""
    framework = own_format(data, FRAMEWORKS)
    if framework is None:
        image = open_image(data)
        form, size = image.format, image.size
    else:
        form, size = FRAMEWORKS[framework].format, FRAMEWORKS[framework].decode(data).shape[1::-1]
    facts: dict[str, Any] = {"format": form, "bytes": len(data), "width": size[0], "height": size[1]}
    if form in {codec.format for codec in FRAMEWORKS.values()}:
        framework = framework or framework_of(data)
        codec = FRAMEWORKS[framework]
        header = read_header(codec, data)
        facts["step"] = round(codec.step_of(data) if header is None else codec.step(header.quality), 2)
        if header is not None:
            height, width = header.original_size(size[1], size[0])
            facts |= {
                "framework": framework, "scale": header.scale, "quality": header.quality,
                "network_id": header.network_id.hex(), "original_width": width, "original_height": height,
            }  # fmt: skip
    pixels = facts.get("original_width", size[0]) * facts.get("original_height", size[1])
    return facts | {"bpp": round(8 * len(data) / pixels, 4)}
