"""RSN, IDN and VCN, the networks of the papers: layers, names, weight files, and use on pictures of any size."""

from vcodec.networks.layers import double, halve
from vcodec.networks.post_processor import PaperPostProcessor, PostProcessor
from vcodec.networks.registry import NETWORKS, build_networks, register
from vcodec.networks.resampler import PaperReSampler, ReSampler
from vcodec.networks.tiles import NetworkPair, apply_tiled
from vcodec.networks.virtual_codec import VirtualCodec
from vcodec.networks.weights import SHIPPED, load_weights, read_card, save_weights

__all__ = [
    "NETWORKS",
    "SHIPPED",
    "NetworkPair",
    "PaperPostProcessor",
    "PaperReSampler",
    "PostProcessor",
    "ReSampler",
    "VirtualCodec",
    "apply_tiled",
    "build_networks",
    "double",
    "halve",
    "load_weights",
    "read_card",
    "register",
    "save_weights",
]
