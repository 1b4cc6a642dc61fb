from GliomaUncertaintyLib.parameters import Parameters

__all__ = ["Parameters"]
