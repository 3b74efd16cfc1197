"""What the tests of sealift.py share: one good bundle, a KMS that answers as told, and the ways of AES-GCM by name."""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import sealift  # noqa: E402

VECTORS = HERE.parent.parent / "vectors"
OPENERS = {"cryptography": sealift._cryptography, "libcrypto": sealift._libcrypto, "pure": sealift._pure}


def vector(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def usable(name):
    """Whether one of OPENERS can be used here."""
    try:
        OPENERS[name]()
    except sealift._Unusable:
        return False
    return True


class ClientError(Exception):
    """An error in the form of botocore's."""

    def __init__(self, code, status=400, text="KMS says so, and echoes what it was sent"):
        super().__init__(f"An error occurred ({code}) when calling Decrypt: {text}")
        self.response = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}


class Client:
    """A KMS client that gives one answer after another, the last again and again: an exception to raise, or a function to call."""

    def __init__(self, *answers):
        self.answers = answers
        self.calls = []

    def decrypt(self, **arguments):
        self.calls.append(arguments)
        answer = self.answers[min(len(self.calls), len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer(arguments)


class Hasty(sealift._Limits):
    """The reader's limits, with shorter pauses between tries."""

    backoff = sealift._Limits.backoff / 100


def environment(folder, bundle=None, **more):
    """The environment of the function hello, whose bundle is in folder."""
    good = vector("valid-one-secret")
    with open(os.path.join(folder, "sealed-config.jwe"), "w", encoding="utf-8") as file:
        file.write(good["bundle"] if bundle is None else bundle)
    return {**good["environment"], "LAMBDA_TASK_ROOT": folder, **more}


def good_client():
    plaintext = bytes.fromhex(vector("valid-one-secret")["kms"]["plaintext"])
    return Client(lambda _: {"Plaintext": plaintext})
