"""Does the folder of a run survive a second training?"""

import os

import pytest
from small_rounds import PICTURES

from vcodec.errors import CodecError
from vcodec.training.joint import JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.run_folder import RunFolder


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
