"""What the devices are doing, read beside the wire: no client sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DeviceStatus:
    """A device."""

    #: Its name: ``hsm-eus-1``.
    id: str
    region: str
    stamp: int
    #: ``on``, ``off``, ``hung`` or ``refusing`` (it boots).
    power: str
    #: Token objects on all its partitions.
    objects: int


@dataclass(frozen=True)
class GroupStatus:
    """A group."""

    label: str
    #: Whether it has a token.
    initialized: bool
    #: Whether its members differ in what they hold.
    needs_sync: bool
    #: Copies and deletions that lost members are owed.
    owed: int
    #: The devices of its members, the primary first.
    members: tuple[str, ...]


@dataclass(frozen=True)
class ClientStatus:
    """What a running application believes."""

    pid: int
    #: Calls that moved to another member, in all groups.
    failovers: int
    #: The state of each member by (label, device): ``up``, ``idle``, or why it was given up.
    members: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Status:
    """Devices, groups, faults and clients at one moment."""

    devices: tuple[DeviceStatus, ...]
    groups: tuple[GroupStatus, ...]
    #: The faults that strike: ``device.power_loss hsm-eus-1``.
    faults: tuple[str, ...]
    clients: tuple[ClientStatus, ...]

    @classmethod
    def of_json(cls, status: dict[str, Any]) -> Status:
        """From what ``hsmsim status --json`` prints."""
        return cls(
            devices=tuple(_device(device) for device in status["devices"]),
            groups=tuple(_group(group) for group in status["groups"]),
            faults=tuple(fault["fault"] for fault in status["faults"]),
            clients=tuple(_client(client) for client in status["clients"]),
        )

    def device(self, id: str) -> DeviceStatus:
        """The device of this name; `KeyError` if there is none."""
        return {device.id: device for device in self.devices}[id]

    def group(self, label: str) -> GroupStatus:
        """The group of this label; `KeyError` if there is none."""
        return {group.label: group for group in self.groups}[label]

    @property
    def needs_sync(self) -> bool:
        """Whether the members of any group differ in what they hold."""
        return any(group.needs_sync for group in self.groups)


def _device(device: dict[str, Any]) -> DeviceStatus:
    return DeviceStatus(
        id=device["id"],
        region=device["region"],
        stamp=device["stamp"],
        power=device["power"],
        objects=sum(partition["objects"] for partition in device["partitions"]),
    )


def _group(group: dict[str, Any]) -> GroupStatus:
    return GroupStatus(
        label=group["label"],
        initialized=group["initialized"],
        needs_sync=group["needs_sync"],
        owed=group["owed"],
        members=tuple(member["device"] for member in group["members"]),
    )


def _client(client: dict[str, Any]) -> ClientStatus:
    return ClientStatus(
        pid=client["pid"],
        failovers=sum(group["failovers"] for group in client["groups"]),
        members={
            (group["label"], member["device"]): member["state"]
            for group in client["groups"]
            for member in group["members"]
        },
    )
