"""Does the folder of a run survive a second training, flipped bits and a full disk?"""

import os

import pytest
import torch
from small_rounds import PICTURES

from tools.torture import full_disk
from vcodec.errors import CodecError
from vcodec.training.joint import JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.run_folder import RunFolder

CPU = torch.device("cpu")
CHECKPOINT = {"settings": {"seed": 1}, "state": {"elapsed": 1.5}, "networks": {"idn": torch.arange(300.0)}}


def test_a_second_training_in_one_folder_is_refused(tmp_path):
    settings = JointSettings(network="tiny", patch=32, batch=2, steps=1, lead_in=0, check=1, judged=1)
    trainer = JointTrainer(settings, PICTURES[:2], PICTURES[2:], tmp_path, {}, "cpu")
    with RunFolder(tmp_path).locked(), pytest.raises(CodecError, match="another training is at work"):
        trainer.train()
    assert trainer.state["rows"] == 0 and os.listdir(tmp_path) == []
    with trainer.alone(), trainer.alone():  # one training may ask twice
        pass
    with RunFolder(tmp_path).locked():  # and others may, when it has ended
        pass


def test_every_flipped_bit_of_a_checkpoint_is_noticed_or_does_not_matter(tmp_path):
    """60 bits of the file; those of names and dates inside the archive may be harmless."""
    folder, path = RunFolder(tmp_path), tmp_path / "checkpoint.pt"
    folder.save_checkpoint(CHECKPOINT)
    whole, refused = path.read_bytes(), 0
    for index in range(60):
        bit = index * (8 * len(whole) - 1) // 59
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            loaded = folder.load_checkpoint({"seed": 1}, CPU)
        except CodecError as error:
            assert "damaged" in str(error)
            refused += 1
        else:
            assert torch.equal(loaded["networks"]["idn"], CHECKPOINT["networks"]["idn"])
            assert loaded["state"] == CHECKPOINT["state"]
    assert refused > 20


def test_every_flipped_bit_of_the_numbers_is_noticed(tmp_path):
    folder, path = RunFolder(tmp_path), tmp_path / "checkpoint.pt"
    folder.save_checkpoint(CHECKPOINT)
    whole, numbers = path.read_bytes(), CHECKPOINT["networks"]["idn"].numpy().tobytes()
    begin = whole.index(numbers)
    for bit in range(8 * begin, 8 * (begin + len(numbers)), 149):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(CodecError, match="damaged"):
            folder.load_checkpoint({"seed": 1}, CPU)


def test_a_full_disk_gets_one_sentence_and_leaves_the_last_checkpoint_whole(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save_checkpoint(CHECKPOINT)
    folder.log({"seconds": 1.0}, ("seconds",))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for use in (lambda: folder.save_checkpoint(CHECKPOINT), lambda: folder.log({"seconds": 2.0}, ("seconds",))):
        with full_disk(len(before["log.csv"])), pytest.raises(CodecError, match="cannot write"):
            use()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
