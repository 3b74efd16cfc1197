"""A Lambda function that reads one secret from its bundle: handler index.handler, runtime
python3.10 or later. sealift.py and sealift_aes.py are sealift's reader for Python."""

import json

import sealift


@sealift.wrap  # answers sealift's canary
def handler(event, context):
    secret = sealift.secrets().get("test_data")
    return {
        "statusCode": 200,
        "body": json.dumps({"message": f'Value of secret: "{secret}"', "input": event}),
    }
