"""AES-256-GCM in Python (FIPS 197, NIST SP 800-38D), for sealift.py where there is no AES library.

It checks the tag before it decrypts anything. Its table look-ups take a time that depends on the
key, which code that shares the processor's cache could measure; SEALIFT_PURE_PYTHON=off refuses it.
64 KiB take about a tenth of a second.
"""

from __future__ import annotations

import functools
import hmac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

__all__ = ["open_gcm"]


def open_gcm(key: bytearray, iv: bytes, aad: bytes, ciphertext: bytes, tag: bytes) -> Optional[bytearray]:
    """Return the plaintext, which the caller wipes, or None unless the tag is right."""
    if len(key) != 32 or len(iv) != 12 or len(tag) != 16:
        return None
    encrypt = _aes_256(key)
    multiply = _ghash_table(int.from_bytes(encrypt(bytes(16)), "big"))
    y = 0
    for data in (aad, ciphertext):
        for i in range(0, len(data), 16):
            y = multiply(y ^ int.from_bytes(data[i:i + 16].ljust(16, b"\0"), "big"))
    y = multiply(y ^ (len(aad) * 8 << 64 | len(ciphertext) * 8))
    expected = (y ^ int.from_bytes(encrypt(iv + b"\0\0\0\1"), "big")).to_bytes(16, "big")
    if not hmac.compare_digest(expected, tag):
        return None
    plaintext = bytearray(len(ciphertext))
    for n, i in enumerate(range(0, len(ciphertext), 16), 2):
        block = ciphertext[i:i + 16]
        stream = encrypt(iv + n.to_bytes(4, "big"))[:len(block)]
        plaintext[i:i + 16] = (int.from_bytes(block, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(block), "big")
    return plaintext


def _ghash_table(h: int) -> Callable[[int], int]:
    """Return the multiplication by h in GF(2^128), eight bits at a time."""
    table = [0] * 256
    power = h
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):  # the first bit is that of x^0
        table[bit] = power
        power = power >> 1 ^ (0xE1 << 120 if power & 1 else 0)
    for i in range(256):
        low = i & -i
        table[i] = table[i ^ low] ^ table[low] if i ^ low else table[i]
    reduction = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0xE1 << 120 if i & 1 else 0)
        reduction.append(i)

    def multiply(x: int) -> int:
        z = 0
        for byte in reversed(x.to_bytes(16, "big")):
            z = z >> 8 ^ reduction[z & 255] ^ table[byte]
        return z

    return multiply


@functools.lru_cache(maxsize=1)
def _aes_tables() -> tuple[bytes, list[list[int]]]:
    """Return the S-box and the four tables that join it with MixColumns; they hold no key."""
    box = bytearray(256)
    p = q = 1
    while True:
        p = (p ^ p << 1 ^ (0x11B if p & 0x80 else 0)) & 0xFF  # times 3
        q ^= q << 1  # divided by 3
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        box[p] = q ^ (q << 1 | q >> 7) & 0xFF ^ (q << 2 | q >> 6) & 0xFF ^ (q << 3 | q >> 5) & 0xFF ^ (q << 4 | q >> 4) & 0xFF ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    first = []
    for s in box:
        double = (s << 1 ^ (0x11B if s & 0x80 else 0)) & 0xFF
        first.append(double << 24 | s << 16 | s << 8 | double ^ s)
    return bytes(box), [[t >> n | t << 32 - n & 0xFFFFFFFF for t in first] for n in (0, 8, 16, 24)]


def _aes_256(key: bytearray) -> Callable[[bytes], bytes]:
    """Return the encryption of one block."""
    box, (t0, t1, t2, t3) = _aes_tables()

    def sub(w: int) -> int:
        return box[w >> 24] << 24 | box[w >> 16 & 255] << 16 | box[w >> 8 & 255] << 8 | box[w & 255]

    w = [int.from_bytes(key[i:i + 4], "big") for i in range(0, 32, 4)]
    for i in range(8, 60):
        t = w[i - 1]
        if i % 8 == 0:
            t = sub(t << 8 & 0xFFFFFFFF | t >> 24) ^ 1 << 23 + i // 8
        elif i % 8 == 4:
            t = sub(t)
        w.append(w[i - 8] ^ t)

    def encrypt(block: bytes) -> bytes:
        a, b, c, d = (int.from_bytes(block[i:i + 4], "big") ^ w[i // 4] for i in (0, 4, 8, 12))
        for i in range(4, 56, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ w[i],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ w[i + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ w[i + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ w[i + 3],
            )
        last = b"".join((sub(p & 0xFF000000 | q & 0xFF0000 | r & 0xFF00 | s & 0xFF) ^ k).to_bytes(4, "big")
                        for p, q, r, s, k in ((a, b, c, d, w[56]), (b, c, d, a, w[57]), (c, d, a, b, w[58]), (d, a, b, c, w[59])))
        return last

    return encrypt
