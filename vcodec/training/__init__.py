"""Training: data with real damage, objectives, surrogates of the codec, and the runs of SCIC and DNNC."""

from vcodec.training.data import BatchCodec, CodedPhotos, Job, PatchSampler, split
from vcodec.training.interrupt import Steps
from vcodec.training.joint import JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.minutes import Budget, budget
from vcodec.training.objectives import RateDistortion, dssim, squared_error
from vcodec.training.rounds import Settings
from vcodec.training.trainer import Trainer

__all__ = [
    "BatchCodec",
    "Budget",
    "CodedPhotos",
    "Job",
    "JointSettings",
    "JointTrainer",
    "PatchSampler",
    "RateDistortion",
    "Settings",
    "Steps",
    "Trainer",
    "budget",
    "dssim",
    "split",
    "squared_error",
]
