"""How the golden files were made, once, with format 1: python tests/golden/make.py FOLDER_OF_PHOTOGRAPHS

They are never made again: tests/dnnc/test_dnnc.py proves that every later version still reads them. The codec is the
transform and its entropy model alone, so that no network's rounding has a say."""

import hashlib
import json
import sys
from pathlib import Path

from vcodec import dnnc
from vcodec.images import embedded, luma, named_images
from vcodec.training.deep import DeepRounds, DeepSettings

HERE = Path(__file__).parent


def main() -> None:
    photos = list(named_images(sys.argv[1]).values())
    networks = DeepRounds(DeepSettings(network="tiny"), photos).networks_for_use(60)
    plain = dnnc.DeepNetworks(networks.quantiser, networks.contexts, networks.price)
    dnnc.save(HERE / dnnc.FILE_NAME, plain, {"network": "tiny"})
    codec = dnnc.load(HERE)
    cat = embedded("chelsea")[60:187, 140:301]
    facts = {}
    for name, picture, quality in (
        ("gray", luma(cat), 30),
        ("colour", cat, 20),
        ("line", cat[:1], 60),
        ("fine", cat[:40, :40], 100),
    ):
        data = codec.encode(picture, quality)
        (HERE / f"{name}.vcn").write_bytes(data)
        _, symbols = codec.symbols(data)
        facts[name] = {"shape": picture.shape, "sha256": hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest()}
    (HERE / "symbols.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
