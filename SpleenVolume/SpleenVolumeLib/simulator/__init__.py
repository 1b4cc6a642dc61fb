"""B-mode pictures of a spleen, made from its outline and a drawn body around it. No picture of a patient is needed.

Physics in the order of the signal: a layout of tissues, scatterers with the tissues' strength, specular interfaces, attenuation and
shadows, a point-spread function that widens with depth, noise, log compression, scan conversion, and what a machine draws around.
The parts are standard (Burger et al., IEEE TMI 2013;32(3):609-618, convolve scatterers in the same way); layout, ranges and code are ours.
"""

from __future__ import annotations

from .simulate import Simulated, SimulatorSettings, simulate

__all__ = ["Simulated", "SimulatorSettings", "simulate"]
