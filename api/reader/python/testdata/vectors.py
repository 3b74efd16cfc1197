"""Opens every vector with one way of AES-GCM and prints what came of it as JSON: python3 vectors.py cryptography|libcrypto|pure"""

import base64
import json
import os
import sys
import tempfile

from fakes import OPENERS, VECTORS, Client, ClientError, Hasty, sealift


def answer_of(vector):
    """The KMS of a vector, as a function of Decrypt's arguments."""

    def decrypt(arguments):
        if "kmsError" in vector:
            raise ClientError(vector["kmsError"])
        kms = vector["kms"]
        if arguments["KeyId"] != kms["keyId"]:
            raise ClientError("IncorrectKeyException")
        blob = base64.urlsafe_b64encode(arguments["CiphertextBlob"]).rstrip(b"=").decode()
        if blob != kms["ciphertextBlob"] or arguments["EncryptionContext"] != kms["encryptionContext"]:
            raise ClientError("InvalidCiphertextException")
        if len(arguments) != 3:
            raise ClientError("ValidationException")
        return {"Plaintext": bytes.fromhex(kms["plaintext"])}

    return decrypt


def run(vector, folder, opener):
    path = os.path.join(folder, "bundle")
    append = vector.get("append", {"text": "", "times": 0})
    with open(path, "wb") as file:
        file.write((vector["bundle"] + append["text"] * append["times"]).encode("utf-8"))
    client = Client(answer_of(vector))
    try:
        secrets = sealift._open(path, client, sealift._Environment(vector["environment"]), Hasty(), [opener])
    except sealift.SealiftError as error:
        return {"result": error.code, "message": str(error), "kmsCalls": len(client.calls)}
    return {"result": "ok", "kmsCalls": len(client.calls), "secrets": dict(secrets)}


def main():
    opener = OPENERS[sys.argv[1]]
    sealift._PURE_LIMIT = sealift._MAX_BUNDLE  # a vector is as large as a bundle can be
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(VECTORS.glob("*.json")):
            results[file.name] = run(json.loads(file.read_text("utf-8")), folder, opener)
    sys.stdout.write(json.dumps(results))


main()
