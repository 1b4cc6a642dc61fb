from RenalParenchymaLib.parameters import Parameters

__all__ = ["Parameters"]
