"""Opens bundles with the Python reader, one after another: a line of JSON on standard input each, a line of JSON on standard output each."""

import base64
import json
import os
import sys
import tempfile

sys.path[:0] = ["python", "python/testdata"]

from fakes import OPENERS, Client, ClientError, Hasty, sealift, usable  # noqa: E402


def answer(question, opener, path):
    kms = question["kms"]

    def decrypt(arguments):
        if arguments["KeyId"] != kms["keyId"]:
            raise ClientError("IncorrectKeyException")
        blob = base64.urlsafe_b64encode(arguments["CiphertextBlob"]).rstrip(b"=").decode()
        if blob != kms["ciphertextBlob"] or arguments["EncryptionContext"] != kms["encryptionContext"]:
            raise ClientError("InvalidCiphertextException")
        return {"Plaintext": bytes.fromhex(kms["plaintext"])}

    with open(path, "wb") as file:
        file.write(base64.b64decode(question["bundle"]))
    client = Client(decrypt)
    try:
        secrets = sealift._open(path, client, sealift._Environment(question["environment"]), Hasty(), [opener])
    except sealift.SealiftError as error:
        return {"result": error.code, "kmsCalls": len(client.calls), "secrets": []}
    except Exception as error:
        return {"result": f"not a SealiftError: {error!r}", "kmsCalls": len(client.calls), "secrets": []}
    return {"result": "ok", "kmsCalls": len(client.calls), "secrets": sorted(dict(secrets).items())}


def main():
    opener = OPENERS[next(name for name in OPENERS if usable(name))]
    sealift._PURE_LIMIT = sealift._MAX_BUNDLE
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(json.loads(line), opener, os.path.join(folder, "bundle"))) + "\n")
            sys.stdout.flush()


main()
