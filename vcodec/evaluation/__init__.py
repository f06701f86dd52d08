"""Rate-distortion curves, the project's published measurements, and figures (`vcodec.evaluation.figures`)."""

from vcodec.evaluation.curves import bd_rates, by_curve, evaluate, measure, psnr_at, report
from vcodec.evaluation.intervals import interval
from vcodec.evaluation.published import pooled, published

__all__ = ["bd_rates", "by_curve", "evaluate", "interval", "measure", "pooled", "psnr_at", "published", "report"]
