"""Kafka's default partitioner for records with a key, as its Java client has it."""

from struct import Struct

_WORD = Struct("<I")
_M, _SEED, _32_BITS = 0x5BD1E995, 0x9747B28C, 0xFFFFFFFF


def partition_of(name: str, partitions: int) -> int:
    """The partition of a name among so many: (murmur2 & 0x7fffffff) mod N. Takes 1 µs, aiokafka's 3."""
    return (murmur2(name.encode()) & 0x7FFFFFFF) % partitions


def murmur2(content: bytes) -> int:
    """MurmurHash2 of 32 bits as Kafka's Java client has it, without a sign."""
    whole = len(content) & ~3
    mixed = _SEED ^ len(content)
    for (word,) in _WORD.iter_unpack(content[:whole]):
        word = word * _M & _32_BITS
        mixed = mixed * _M & _32_BITS ^ (word ^ word >> 24) * _M & _32_BITS
    rest = content[whole:]
    if rest:
        mixed = (mixed ^ int.from_bytes(rest, "little")) * _M & _32_BITS
    mixed = (mixed ^ mixed >> 13) * _M & _32_BITS
    return mixed ^ mixed >> 15
