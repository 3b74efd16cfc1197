"""The Python side of a local Lambda function.

It loads the handler and serves it invocations from the Lambda Runtime API,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, as AWS's managed runtimes do.
"""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from decimal import Decimal
from types import SimpleNamespace

API = "/2018-06-01/runtime/"
# What a runtime before python3.12 answers is ASCII.
ASCII = os.environ["AWS_EXECUTION_ENV"].rpartition(".")[2] in ("10", "11")

connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
running = SimpleNamespace(request_id="")


class Fault(Exception):
    """An error with AWS's own words for it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.trace = list(trace)


def call(method, path, body=None, headers=()):
    connection.request(method, API + path, body, {"User-Agent": "python/" + sys.version.split()[0], **dict(headers)})
    answer = connection.getresponse()
    return answer.headers, answer.read()


def own_frames(error):
    """The frames of a traceback from the first that is not the runtime's."""
    frames = list(traceback.extract_tb(error.__traceback__))
    machinery = (__file__, importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    while frames and frames[0].filename in machinery:
        frames.pop(0)
    return frames


def describe(error):
    """The error document that AWS's runtime posts."""
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, traceback.format_list(own_frames(error))
    return {"errorMessage": str(error), "errorType": kind, "requestId": running.request_id, "stackTrace": trace}


def post_error(path, error):
    document = describe(error)
    lines = ["[ERROR] {errorType}: {errorMessage}".format(**document), "Traceback (most recent call last):"]
    for frame in document["stackTrace"]:
        lines += frame.splitlines()
    print("\r".join(lines), flush=True)
    call("POST", path, json.dumps(document), {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": document["errorType"]})


def load(handler):
    name, dot, function = handler.rpartition(".")
    if not dot:
        raise Fault("MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler)
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name)
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (name, error))
    except SyntaxError as error:
        trace = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (name, error), [trace])
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, name))


def context_of(headers):
    env = os.environ
    deadline = int(headers["Lambda-Runtime-Deadline-Ms"])
    return SimpleNamespace(
        aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
        invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
        function_name=env["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=env["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=env["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=env["AWS_LAMBDA_LOG_STREAM_NAME"],
        client_context=None,
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        get_remaining_time_in_millis=lambda: max(0, deadline - int(time.time() * 1000)),
    )


def plain(value):
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def run(handler, headers, body):
    try:
        event = json.loads(body)
    except ValueError as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error)
    result = handler(event, context_of(headers))
    try:
        return json.dumps(result, default=plain, ensure_ascii=ASCII).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Fault("MarshalError", "Unable to marshal response: %s" % error)


def serve(handler):
    headers, body = call("GET", "invocation/next")
    running.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
    path = "invocation/%s/" % running.request_id
    try:
        answer = run(handler, headers, body)
    except Exception as error:  # SystemExit ends the process, as on AWS
        post_error(path + "error", error)
    else:
        sys.stdout.flush()
        sys.stderr.flush()
        call("POST", path + "response", answer, {"Content-Type": "application/json"})


def set_up_logging():
    """Lambda's log lines: level, time, request, message."""

    def add_request(record):
        record.aws_request_id = running.request_id
        return True

    line = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    line.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(line)
    handler.addFilter(add_request)
    logging.getLogger().addHandler(handler)


def main():
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    set_up_logging()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        post_error("init/error", error)
        sys.exit(1)
    while True:
        serve(handler)


if __name__ == "__main__":
    main()
