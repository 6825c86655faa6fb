"""Classes of protocol buffers from a list of the fields that are read or written."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def message_classes(package: str, messages: Mapping[str, str]) -> dict[str, Any]:
    """The classes of messages by name.

    They are in a pool of their own, so that they do not conflict with the definitions of another package in the
    same process. Unused fields can be left out: the runtime skips them.

    Args:
      package: that of the messages.
      messages: the fields of each message as `number name type`, separated by commas; a star marks a repeated
        field.
    """
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_describe(package, messages))
    found = ((name, pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages)
    return {name: message_factory.GetMessageClass(described) for name, described in found}


def _describe(package: str, messages: Mapping[str, str]) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor of the messages; proto3, which omits fields that are zero, as TensorFlow does."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            number, field_name, kind = text.split(" ")
            field = message.field.add(name=field_name, number=int(number))
            field.label = field.LABEL_REPEATED if kind.startswith("*") else field.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            if kind in messages:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    return file
