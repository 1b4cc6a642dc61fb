from FemurQCTLib.parameters import Parameters

__all__ = ["Parameters"]
