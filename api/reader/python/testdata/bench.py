"""What a cold start costs beyond Python itself and KMS: python3 bench.py cryptography|libcrypto|pure BUNDLE KEY, the key in hexadecimal.

Prints the milliseconds of importing sealift.py, and of opening the bundle with a KMS that answers at once, which includes loading
AES-GCM. What Lambda's runtime and botocore load anyway is loaded before."""

import binascii  # noqa: F401
import hmac  # noqa: F401
import json  # noqa: F401
import logging  # noqa: F401
import os
import sys
import time

way, bundle, key = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
began = time.perf_counter()
import sealift  # noqa: E402

imported = time.perf_counter()


class Client:
    def decrypt(self, **_):
        return {"Plaintext": bytes.fromhex(key)}


environ = sealift._Environment({"AWS_REGION": "us-east-2", "AWS_LAMBDA_FUNCTION_NAME": "hello"})
secrets = sealift._open(bundle, Client(), environ, None, [getattr(sealift, "_" + way)])
opened = time.perf_counter()
assert len(secrets) == 1
print((imported - began) * 1000, (opened - imported) * 1000)
