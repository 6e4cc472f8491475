"""A simulated cluster of network HSMs for the tests of an application that uses PKCS#11."""

from .cluster import CallFault, Cluster, Fault, Slot
from .command import HsmsimError
from .record import Call, Event, Record
from .status import ClientStatus, DeviceStatus, GroupStatus, Status

__all__ = [
    "Call",
    "CallFault",
    "ClientStatus",
    "Cluster",
    "DeviceStatus",
    "Event",
    "Fault",
    "GroupStatus",
    "HsmsimError",
    "Record",
    "Slot",
    "Status",
]
