"""Opens the AES-GCM vectors on standard input with one way: python3 aesgcm.py cryptography|libcrypto|pure

Prints the plaintexts in hexadecimal, null where the tag is refused; "unusable" where this way can't be gone here."""

import json
import sys

from fakes import OPENERS, usable


def main():
    if not usable(sys.argv[1]):
        print('"unusable"')
        return
    opener = OPENERS[sys.argv[1]]()
    plaintexts = []
    for test in json.load(sys.stdin):
        key, iv, aad, ciphertext, tag = (bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "ct", "tag"))
        plaintext = opener(bytearray(key), iv, aad, ciphertext, tag)
        plaintexts.append(None if plaintext is None else plaintext.hex())
    print(json.dumps(plaintexts))


main()
