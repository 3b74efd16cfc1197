"""Opens the good bundle with the default client, botocore's, at the endpoint that AWS_ENDPOINT_URL names, and prints what came of it as
JSON; "absent" without botocore. Standard error must not hold what KMS said."""

import json
import os
import tempfile
import traceback

from fakes import Hasty, environment, sealift


def main():
    try:
        import botocore  # noqa: F401
    except ImportError:
        print('"absent"')
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(folder))
        try:
            secrets = sealift._open(None, None, sealift._Environment(None), Hasty())
            print(json.dumps({"result": "ok", "secrets": dict(secrets)}))
        except sealift.SealiftError as error:
            shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format(chain=True))
            print(json.dumps({"result": error.code, "message": shown}))


main()
