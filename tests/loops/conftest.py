from tests.support.station import helper, station

__all__ = ["helper", "station"]
