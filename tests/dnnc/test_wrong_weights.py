"""Are cards and tables that are wrong, but well hashed, refused in one sentence?"""

from pathlib import Path

import pytest
import torch

from vcodec import dnnc
from vcodec.errors import CodecError
from vcodec.networks.weights import read_tensors, write_tensors

GOLDEN = Path(__file__).parent.parent / "golden"

WRONG = {  # each well hashed
    "no price": lambda tensors, card: card.pop("price"),
    "a price in words": lambda tensors, card: card.update(price="low"),
    "a price that is no number": lambda tensors, card: card.update(price=float("nan")),
    "a negative price": lambda tensors, card: card.update(price=-1.0),
    "an endless price": lambda tensors, card: card.update(price=float("inf")),
    "no space": lambda tensors, card: card.pop("space"),
    "a space that is a list": lambda tensors, card: card.update(space=["dct"]),
    "another space": lambda tensors, card: card.update(space="feature"),
    "a network that is a list": lambda tensors, card: card.update(network=["tiny"]),
    "an unknown network": lambda tensors, card: card.update(network="huge"),
    "no steps": lambda tensors, card: tensors.pop("log_steps"),
    "huge steps": lambda tensors, card: tensors["log_steps"].fill_(1e9),
    "steps of another shape": lambda tensors, card: tensors.update(log_steps=torch.zeros(3, 8, 8)),
    "no tables": lambda tensors, card: tensors.pop("contexts.tables"),
    "a table of nothing": lambda tensors, card: tensors["contexts.tables"].fill_(0),
    "a negative frequency": lambda tensors, card: tensors["contexts.tables"][7, :2].add_(torch.tensor([-(9**5), 9**5])),
    "a table with too much": lambda tensors, card: tensors["contexts.tables"][7, 3].add_(1),
    "fewer tables": lambda tensors, card: tensors.update({"contexts.tables": tensors["contexts.tables"][1:].clone()}),
    "tables of floats": lambda tensors, card: tensors.update({"contexts.tables": tensors["contexts.tables"].float()}),
    "negative weights": lambda tensors, card: tensors["contexts.weights"].fill_(-1),
    "huge weights": lambda tensors, card: tensors["contexts.weights"].fill_(2**31 - 1),
    "huge values": lambda tensors, card: tensors["contexts.values"].fill_(-(2**31)),
    "a huge bias": lambda tensors, card: tensors["contexts.bias"].fill_(2**31 - 1),
    "weights without rows": lambda tensors, card: tensors.update({"contexts.weights": torch.zeros(0, 40).int()}),
}


@pytest.mark.parametrize("name", WRONG)
def test_cards_and_tables_that_are_wrong_but_well_hashed_give_one_sentence(name, tmp_path):
    tensors, card = read_tensors(GOLDEN / "dnnc.safetensors")
    WRONG[name](tensors, card)
    write_tensors(tmp_path / "dnnc.safetensors", tensors, card)
    with pytest.raises(CodecError) as caught:
        dnnc.load(tmp_path)
    assert "\n" not in str(caught.value)
