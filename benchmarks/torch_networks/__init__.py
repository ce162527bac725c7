"""The networks of galkeras in PyTorch, by name, as someone who trains with PyTorch would write them.

PyTorch pads before what a strided convolution sees and Keras after, so these networks are ours in a world turned by
half a turn: fed with turned images they give the same latents and turned images (`same_network.py`).
"""

from torch_networks.paper import Paper
from torch_networks.residual import Residual
from torch_networks.upright import Upright
from torch_networks.vae import VAE

NETWORKS: dict[str, type[VAE]] = {"upright": Upright, "residual": Residual, "paper": Paper}
