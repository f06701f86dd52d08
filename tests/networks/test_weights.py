"""Do weights and their card come back as they were saved, and is what is damaged or wrong refused in one sentence?"""

import hashlib
import json

import pytest
import torch
from conftest import shaken
from safetensors.torch import load_file, save

from benchmarks import ship
from vcodec.errors import CodecError
from vcodec.networks import build_networks, halve, load_weights, save_weights
from vcodec.networks.weights import read_card, write_card

EVERY = pytest.mark.parametrize(("name", "scale"), [(n, s) for n in ("default", "paper") for s in (1, 2)])


@EVERY
def test_weights_come_back_within_16_bits(name, scale, tmp_path):
    rsn, idn = map(shaken, build_networks(name, scale))
    save_weights(tmp_path / "w.safetensors", rsn, idn, {"network": name, "scale": scale})
    pair = load_weights(tmp_path / "w.safetensors")
    card = json.loads((tmp_path / "w.json").read_text())
    assert pair.scale == scale and pair.network_id.hex() == card["network_id"] == card["sha256"][:8]
    assert card["parameters"]["idn"] == sum(p.numel() for p in idn.parameters())
    for saved, loaded in ((rsn, pair.rsn), (idn, pair.idn)):
        assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
        for a, b in zip(saved.parameters(), loaded.parameters(), strict=True):
            assert ((a - b).abs() <= a.abs() / 2048 + 1e-7).all()  # half precision: 11 bits, subnormals 6e-8


def test_weights_without_a_resampler_stand_for_bicubic(tmp_path):
    idn = build_networks("default", 2)[1]
    save_weights(tmp_path / "w.safetensors", None, idn, {"network": "default", "scale": 2})
    pair, x = load_weights(tmp_path / "w.safetensors"), torch.rand(1, 1, 8, 8)
    assert pair.rsn is None and torch.equal(pair.resample(x, 9.0), halve(x))


def edit_card(change):
    """The card inside, whatever the copy beside it says."""
    return lambda weights, card: write_card(weights, change(json.loads(card.read_text())), weights)


DAMAGE = {
    "a bit of the weights": lambda w, c: w.write_bytes(w.read_bytes()[:-1] + bytes([w.read_bytes()[-1] ^ 1])),
    "truncated weights": lambda w, c: w.write_bytes(w.read_bytes()[:-1000]),
    "empty weights": lambda w, c: w.write_bytes(b""),
    "no weights": lambda w, c: w.unlink(),
    "no card": edit_card(lambda card: None),
    "empty card": edit_card(lambda card: {}),
    "damaged card": lambda w, c: w.write_bytes(w.read_bytes().replace(b'"card":"{', b'"card":"[')),
    "card of another kind": edit_card(lambda card: [card]),
    "card without network": edit_card(lambda card: {k: v for k, v in card.items() if k != "network"}),
    "card of another scale": edit_card(lambda card: card | {"scale": 1}),
    "card of another network": edit_card(lambda card: card | {"network": "paper"}),
    "card of an unknown network": edit_card(lambda card: card | {"network": "mine"}),
    "other hash": edit_card(lambda card: card | {"sha256": "0" * 64}),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_weights_are_refused_in_one_sentence(what, half_only):
    path = half_only / "scic-jpeg-x2.safetensors"
    assert load_weights(path).scale == 2
    DAMAGE[what](path, path.with_suffix(".json"))
    with pytest.raises(CodecError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_weights_and_their_card_are_one_file(half_only):
    """Without the copy nothing is missing, and what the copy says does not count."""
    path = half_only / "scic-jpeg-x2.safetensors"
    copy, card, name = path.with_suffix(".json"), read_card(path), load_weights(path).network_id
    assert json.loads(copy.read_text()) == card and card["network"] == "default"
    copy.write_text(json.dumps(card | {"network": "paper"}))
    assert read_card(path) == card and load_weights(path).network_id == name
    copy.unlink()
    assert read_card(path) == card and load_weights(path).network_id == name


def test_what_a_card_says_does_not_change_the_name_of_the_network(half_only):
    """Pictures store that name: files made before the card moved inside decode as they did."""
    path, name = half_only / "scic-jpeg-x2.safetensors", load_weights(half_only / "scic-jpeg-x2.safetensors").network_id
    with_card, card = path.read_bytes(), read_card(path)
    write_card(path, card | {"note": "x" * 999}, path)
    assert load_weights(path).network_id == name and read_card(path)["note"] == "x" * 999
    write_card(path, card, path)
    assert path.read_bytes() == with_card
    path.write_bytes(save(load_file(path)))  # a file as they were: its card is beside it alone
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    assert read_card(path) == card and load_weights(path).network_id == name
    path.with_suffix(".json").unlink()
    with pytest.raises(CodecError, match=r"the card in .*x2\.json is missing"):
        load_weights(path)


def test_shipping_a_run_puts_the_terms_into_the_card_inside(half_only, tmp_path, monkeypatch):
    name, shipped = "scic-jpeg-x2.safetensors", tmp_path / "shipped"
    run = half_only / name
    for path in half_only.glob("*.safetensors"):
        write_card(path, read_card(path) | {"data": "embedded"}, path)
    monkeypatch.setattr(ship, "SHIPPED", shipped)
    monkeypatch.setattr("sys.argv", ["ship.py", str(half_only), "--note", "a trial"])
    ship.main()
    card = read_card(shipped / name)
    assert card == read_card(run) | {"note": "a trial", "licence": "MIT", "data_terms": card["data_terms"]}
    assert "CC0" in card["data_terms"] and load_weights(shipped / name).network_id == load_weights(run).network_id


# The virtual codec.


@pytest.mark.parametrize(
    "wrong",
    [{"network": 7}, {"network": ["tiny"]}, {"network": None}, {"network": "huge"}, {"scale": 3}, {"scale": -1},
     {"scale": "2"}, {"scale": [2]}, {"scale": float("nan")}, {"scale": 1 << 70}, {"scale": None},
     {"sha256": 7}, {"sha256": None}, {"sha256": "x" * 64}, {"sha256": ["x"]}],
)  # fmt: skip
def test_a_card_that_is_wrong_but_well_hashed_gives_one_sentence(wrong, half_only):
    path = half_only / "scic-jpeg-x2.safetensors"
    write_card(path, read_card(path) | wrong, path)
    with pytest.raises(CodecError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["network", "scale", "sha256"])
def test_a_card_without_a_field_gives_one_sentence(field, half_only):
    path = half_only / "scic-jpeg-x2.safetensors"
    card = read_card(path)
    del card[field]
    write_card(path, card, path)
    with pytest.raises(CodecError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)
