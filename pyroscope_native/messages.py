# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Protobuf messages, declared as tables and built at run time.

Generated code would tie us to one protobuf major, and the default descriptor
pool may already hold the program's own copy of the same file: each schema gets
a pool of its own.

Importing this raises ImportError, which says what to do, where there is no protobuf that
works: an old one may raise anything on a Python that is newer.
"""

from __future__ import annotations

from typing import Any

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.message import DecodeError
except Exception as error:
    words = f"protobuf can't be imported ({type(error).__name__}: {error})"
    raise ImportError(f"{words}: pip install --upgrade protobuf") from error

__all__ = ["DecodeError", "Schema", "message_classes"]

Schema = dict[str, dict[str, tuple[int, str]]]
"""Message name -> field name -> (number, type). A type is a protobuf scalar or
a message of the same schema; a star after it means repeated (numbers packed)."""


def message_classes(package: str, schema: Schema) -> dict[str, Any]:
    """Return protobuf message classes by name, built from `schema`.

    Keep them all: protobuf builds a class that nobody holds anew for each use,
    and leaves it to the garbage collector.
    """
    # proto2, as its fields have presence: a zero that is set is written, and
    # the server wants `period` even where it is zero.
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto2"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for message_name, fields in schema.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            type_name = kind.rstrip("*")
            repeated = kind != type_name
            field = message.field.add(name=field_name, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if type_name in schema:
                field.type = kinds.TYPE_MESSAGE
                field.type_name = f".{package}.{type_name}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{type_name.upper()}")
                if repeated and type_name not in ("string", "bytes"):
                    field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    factory: Any = message_factory
    if hasattr(factory, "GetMessageClass"):  # protobuf 4.22
        make = factory.GetMessageClass
    else:
        make = factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}
