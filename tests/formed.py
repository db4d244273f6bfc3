"""What methods form, spread over all firms of a cross-section."""

import numpy as np

from truepremia.methods.contract import FactorMethod, uses_truth
from truepremia.panel import CrossSection


def weights_of(method: FactorMethod, cross_section: CrossSection) -> np.ndarray:
    """Return the weights of a method on all firms, shape (N, K), zero where not investable."""
    known = cross_section.known_truth if uses_truth(method) else cross_section.known
    return cross_section.on_all_firms(method.weights(known))
