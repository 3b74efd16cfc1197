"""The function's side of sealift in Python: copy it beside the handler, with sealift_aes.py.

    import sealift

    def handler(event, context):
        password = sealift.secrets().get("DB_PASSWORD")    # a str, or a SealiftError

secrets() reads the bundle, checks that it was sealed for this function, asks KMS once to
unwrap the data key, decrypts, and keeps the result: later calls cost nothing. Call it outside
of the handler to open the bundle while the function starts. Every failure is a SealiftError with
a code; there is no fallback, and nothing is written to os.environ, where child processes and
crash reports would find it, but what Secrets.to_environ is asked for by name. The format is
specified in sealift's api/SPEC.md.

Needs Python 3.9 or later and, when a bundle is opened, botocore, which Lambda's Python runtimes
bring along. AES-GCM is that of the package cryptography if the function has it, else that of
the OpenSSL that Python itself is linked to, else sealift_aes.py, a module of its own because a
cold start compiles what it imports: see there and SEALIFT_PURE_PYTHON below.

Python can't wipe a str or bytes: what KMS and JSON return stays in memory until it is used for
something else. Buffers that are ours are wiped.
"""

import binascii
import functools
import hmac
import json
import os
import re
import sys
import threading
import time
from collections.abc import Mapping

# A cold start compiles this file, for a function's package is read-only: hence annotations as strings, which cost less.
TYPE_CHECKING = False
if TYPE_CHECKING:  # a type checker takes this as true; at run time typing costs milliseconds
    from collections.abc import Callable, Iterable, Iterator, MutableMapping
    from typing import Any, NoReturn, Optional

    Opener = Callable[[bytearray, bytes, bytes, bytes, bytes], Optional[bytearray]]

__all__ = ["DEFAULT_PATH", "Secrets", "SealiftError", "open_bundle", "secrets", "wrap"]

DEFAULT_PATH = "sealed-config.jwe"

_MAX_BUNDLE = 1 << 20
_MAX_HEADER = 16 << 10
_MAX_WRAPPED_KEY = 6144
_CANARY = "sealift.dev/canary"
_SNAP_START = "snap-start"

_CONSUMER = re.compile(r"[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}/[A-Za-z0-9_-]{1,64}")
_KEY_ARN = re.compile(r"arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key/[A-Za-z0-9-]{1,128}")


class SealiftError(Exception):
    """What every function here fails with.

    Its code is E_MISSING, E_FORMAT, E_CONTEXT, E_KMS_DENIED, E_KMS_STATE, E_KMS_BUSY or E_AUTH. Its
    text says what to do; it holds no secret, no byte of the bundle and no text of KMS, which could
    echo either, and neither do the exceptions chained to it, for there are none.
    """

    def __init__(self, code: str, cause: str) -> None:
        super().__init__(code, cause)
        self.code = code
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.code}: {self.cause}"


class Secrets(Mapping[str, str]):
    """What a bundle holds: a read-only mapping in ascending order of names.

    It prints as [redacted] and can't be pickled or copied. Of a name that the bundle lacks, both
    secrets[name] and secrets.get(name) raise a SealiftError with the code E_MISSING: an absent
    secret is never None, and there is no default that could hide it.
    """

    __slots__ = ("__bundle_id", "__values")

    def __init__(self, bundle_id: str, values: "Mapping[str, str]") -> None:
        self.__bundle_id = bundle_id
        self.__values = dict(values)

    @property
    def bundle_id(self) -> str:
        """The random id of the bundle, 22 characters; no secret."""
        return self.__bundle_id

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise SealiftError("E_MISSING", f"the bundle has no secret {json.dumps(str(name))}; add it to spec.sealed and apply")
        return self.__values[name]

    def get(self, name: str) -> str:  # type: ignore[override]
        """Return the secret of that name, or raise a SealiftError with the code E_MISSING."""
        return self[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.__values

    def __iter__(self) -> "Iterator[str]":
        return iter(self.__values)

    def __len__(self) -> int:
        return len(self.__values)

    def to_environ(self, names: "Iterable[str]", environ: "Optional[MutableMapping[str, str]]" = None) -> None:
        """Set the named secrets as variables of environ (default: os.environ), all of them or, after an error, none.

        Every child process and most crash reports see them there.
        """
        if isinstance(names, str):
            raise TypeError("to_environ wants a list of names, not one string")
        chosen = list(names)
        for name in chosen:
            if not _fits_environ(self[name]):
                raise SealiftError("E_FORMAT", f"the secret {name} can't be an environment variable: it has a NUL character, "
                                   "or the locale can't encode it; use Secrets.get")
        target = _Environment(os.environ if environ is None else environ)
        for name in chosen:
            target.set(name, self.__values[name])

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: "Any") -> "NoReturn":
        raise TypeError("sealift's Secrets can't be pickled or copied: they stay in the process that opened them")


def _fits_environ(value: str) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


# ---- opening


def open_bundle(path: "Optional[str]" = None, client: "Any" = None, environ: "Optional[Mapping[str, str]]" = None) -> "Secrets":
    """Open the function's bundle and return its Secrets. It takes seven seconds at most.

    path     of the bundle. An absolute one wins over SEALIFT_BUNDLE; a relative one is taken from
             LAMBDA_TASK_ROOT where SEALIFT_BUNDLE, which sealift sets, is absent or empty.
    client   for KMS: its decrypt(KeyId=, CiphertextBlob=, EncryptionContext=) does not retry, as that
             of a botocore client made with retries={"max_attempts": 0}. Called in a thread
             of its own. Default: such a client.
    environ  read for AWS_REGION, AWS_LAMBDA_FUNCTION_NAME, LAMBDA_TASK_ROOT, SEALIFT_BUNDLE and
             SEALIFT_PURE_PYTHON, and for the endpoint of the default client. Default: os.environ.
    """
    return _open(path, client, _Environment(environ))


def secrets(path: "Optional[str]" = None, client: "Any" = None, environ: "Optional[Mapping[str, str]]" = None) -> "Secrets":
    """Return open_bundle's Secrets, opened once in a process for each bundle and then kept.

    A failure is not kept: the next call tries again. Threads wait for each other, so that KMS is
    called once. Under SnapStart nothing is opened before the snapshot, nor kept in it: secrets()
    raises a SealiftError (E_CONTEXT) while the function initialises; call it in the handler.
    """
    surroundings = _Environment(environ)
    where = _locate(path, surroundings)
    with _lock:
        found = _opened.get(where)
        if found is None:
            found = _opened[where] = _open(path, client, surroundings)
        return found


def wrap(handler: "Callable[[Any, Any], Any]", path: "Optional[str]" = None, client: "Any" = None,
         environ: "Optional[Mapping[str, str]]" = None) -> "Callable[[Any, Any], Any]":
    """Return handler, made to answer sealift's canary itself: handler = sealift.wrap(handler).

    The canary asks whether this version of the function opens its bundle. It is an event with one
    member, "sealift.dev/canary": "1"; handler never sees it. Every other event goes to handler as it is.
    """

    @functools.wraps(handler)
    def wrapped(event: "Any", context: "Any") -> "Any":
        _snapshot.invoked = True
        if not _is_canary(event):
            return handler(event, context)
        return {_CANARY: {"bid": secrets(path, client, environ).bundle_id}}

    return wrapped


def _is_canary(event: "Any") -> bool:
    return isinstance(event, dict) and len(event) == 1 and event.get(_CANARY) == "1" and isinstance(event[_CANARY], str)


class _Environment:
    """An environment that does not print itself.

    Crash reporters print the local variables of every function, and os.environ holds the credentials of AWS.
    """

    __slots__ = ("__variables",)

    def __init__(self, variables: "Optional[Mapping[str, str]]") -> None:
        self.__variables: Any = os.environ if variables is None else variables

    def get(self, name: str) -> str:
        """Return the variable, "" where it is absent."""
        return str(self.__variables.get(name, ""))

    def set(self, name: str, value: str) -> None:
        self.__variables[name] = value


def _open(path: "Optional[str]", client: "Any", environ: "_Environment", limits: "Optional[_Limits]" = None,
          openers: "Optional[Iterable[Callable[[], Opener]]]" = None) -> "Secrets":
    if _snapshot.initialising(environ):
        raise SealiftError("E_CONTEXT", "the function initialises for SnapStart: what is opened now would be in the snapshot; "
                           "call secrets() in the handler, or wrap the handler with sealift.wrap")
    bundle = _parse(_read(_locate(path, environ)))
    region, function = _check_consumer(bundle, environ)
    opener = _choose(openers or _openers(environ), len(bundle.ciphertext))
    data_key = _unwrap(client, bundle, region, function, environ, limits or _Limits())
    values = None
    try:
        values = _decrypt(bundle, data_key, opener)
    finally:
        _wipe(data_key)
    if values is None:
        raise _auth_failed()
    return Secrets(bundle.id, values)


class _Bytes(bytes):
    """A bundle given in SEALIFT_BUNDLE itself, apart from a path."""


def _locate(path: "Optional[str]", environ: "_Environment") -> "Any":
    """Return the absolute path of the bundle, or the bundle."""
    if path and os.path.isabs(path):
        return path
    variable = environ.get("SEALIFT_BUNDLE")
    if not variable:
        return os.path.normpath(os.path.join(environ.get("LAMBDA_TASK_ROOT"), path or DEFAULT_PATH))
    if variable.startswith("/"):
        return variable
    return _Bytes(variable.encode("utf-8", "replace"))


def _read(where: "Any") -> bytes:
    """Return at most one byte more than a bundle may have, for _parse to see."""
    if isinstance(where, _Bytes):
        return where
    try:
        with open(where, "rb") as file:
            return file.read(_MAX_BUNDLE + 1)
    except FileNotFoundError:
        cause = f"there is no bundle at {where}; write it with sealift apply"
    except (OSError, ValueError):
        cause = f"the bundle at {where} can't be read; check what it is and its permissions"
    raise SealiftError("E_MISSING", cause)


def _check_consumer(bundle: "_Bundle", environ: "_Environment") -> "tuple[str, str]":
    """Return region and name of this function, from what the Lambda runtime sets."""
    region, function = environ.get("AWS_REGION"), environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not region or not function:
        raise SealiftError("E_CONTEXT", "AWS_REGION or AWS_LAMBDA_FUNCTION_NAME is not set; Lambda sets both")
    if bundle.consumer != f"{region}/{function}":
        raise SealiftError("E_CONTEXT", f"bundle sealed for {bundle.consumer}, used by {region}/{function}; deploy this function's own bundle")
    return region, function


def _auth_failed() -> SealiftError:
    return SealiftError("E_AUTH", "the bundle does not open: its key, header or ciphertext is not what it was sealed with; "
                        "write it again with sealift apply")


# ---- SnapStart


class _Snapshot:
    """Whether a SnapStart function is still before its snapshot.

    After the restore one of three says that it is not: the hook of snapshot_restore_py, which
    Lambda's runtimes with SnapStart bring along; a wrapped handler that was called; the
    variable _X_AMZN_TRACE_ID, which the runtime sets for each invocation.
    """

    def __init__(self) -> None:
        self.restored = False
        self.invoked = False

    def initialising(self, environ: "_Environment") -> bool:
        if environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != _SNAP_START:
            return False
        return not (self.restored or self.invoked or environ.get("_X_AMZN_TRACE_ID"))

    def register(self) -> None:
        try:
            from snapshot_restore_py import register_after_restore, register_before_snapshot  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            return
        register_before_snapshot(self.before)
        register_after_restore(self.after)

    def before(self) -> None:
        with _lock:
            _opened.clear()
        self.restored = self.invoked = False

    def after(self) -> None:
        self.restored = True


_lock = threading.RLock()
_opened: "dict[Any, Secrets]" = {}
_snapshot = _Snapshot()
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == _SNAP_START:
    _snapshot.register()


# ---- the format


class _Bundle:
    """A parsed bundle. It is well formed; whether it opens is known only with its data key."""

    __slots__ = ("aad", "ciphertext", "commitment", "consumer", "id", "iv", "key_id", "salt", "tag", "wrapped")
    aad: bytes
    ciphertext: bytes
    commitment: bytes
    consumer: str
    id: str
    iv: bytes
    key_id: str
    salt: bytes
    tag: bytes
    wrapped: bytes


def _malformed(cause: str) -> SealiftError:
    return SealiftError("E_FORMAT", f"malformed bundle: {cause}; write the bundle again with sealift apply")


def _parse(data: bytes) -> "_Bundle":
    """Take a bundle apart: length, dots, base64url, header, in this order."""
    if len(data) > _MAX_BUNDLE:
        raise _malformed(f"over {_MAX_BUNDLE} bytes")
    dots = data.count(b".")
    if dots != 4:
        raise _malformed(f"{dots} dots where a compact JWE has 4")
    parts = data.split(b".")
    if len(parts[0]) > _MAX_HEADER:
        raise _malformed(f"header over {_MAX_HEADER} characters")
    raw: list[bytes] = []
    for name, part in zip(("header", "encrypted key", "initialisation vector", "ciphertext", "tag"), parts):
        decoded = _decode(part)
        if decoded is None:
            raise _malformed(f"{name} is not canonical base64url")
        raw.append(decoded)
    header, key, iv, ciphertext, tag = raw
    if len(iv) != 12:
        raise _malformed(f"initialisation vector of {len(iv)} bytes, not 12")
    if len(tag) != 16:
        raise _malformed(f"tag of {len(tag)} bytes, not 16")
    bundle = _Bundle()
    bundle.aad, bundle.iv, bundle.ciphertext, bundle.tag = parts[0], iv, ciphertext, tag
    _parse_header(bundle, header, key)
    return bundle


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def _decode(text: bytes) -> "Optional[bytes]":
    """Decode base64url without padding in its one canonical spelling.

    binascii skips what it does not know, hence the comparison.
    """
    try:
        raw = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return raw if binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL) == text else None


def _decode_member(text: str) -> bytes:
    raw = _decode(text.encode("utf-8", "replace"))
    return b"" if raw is None else raw


def _canonical(value: "Any") -> "Optional[bytes]":
    """Return the RFC 8785 serialisation of strings, small integers, lists, and objects in order."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return None


class _Refused(ValueError):
    pass


def _refuse(_: str) -> "NoReturn":
    raise _Refused


def _unique(pairs: "list[tuple[str, Any]]") -> "dict[str, Any]":
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _load(raw: "bytes | bytearray", integer: "Callable[[str], Any]") -> "Any":
    """Parse JSON without repeated members and without numbers but what integer takes; None if it is not such."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_int=integer, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _version(text: str) -> int:
    return 1 if text == "1" else 0  # other numbers can be too long to convert


def _parse_header(bundle: "_Bundle", raw: bytes, encrypted_key: bytes) -> None:
    """Accept a header that equals its own RFC 8785 serialisation.

    That leaves no room for unknown, repeated, misspelt or missing members.
    """
    h: Any = _load(raw, _version)
    if not isinstance(h, dict) or not isinstance(h.get("keys"), list):
        raise _malformed("header is not the JSON of a bundle")
    if h.get("typ") != "sealift-bundle+jwe":
        raise _malformed("typ is not sealift-bundle+jwe")
    if type(h.get("v")) is not int or h["v"] != 1:
        raise _malformed("v is not 1")
    if h.get("alg") != "dir":
        raise _malformed("alg is not dir")
    if h.get("enc") != "A256GCM":
        raise _malformed("enc is not A256GCM")
    if len(h["keys"]) != 1:
        raise _malformed(f"{len(h['keys'])} entries in keys, not 1")
    k = h["keys"][0] if isinstance(h["keys"][0], dict) else {}
    texts: list[Any] = [h.get("bid"), h.get("cmt"), h.get("fn"), h.get("src"), k.get("edk"), k.get("kid")]
    if not all(isinstance(text, str) for text in texts):
        raise _malformed("header is not the JSON of a bundle")
    bid, cmt, fn, src, edk, kid = texts
    if not _KEY_ARN.fullmatch(kid):
        raise _malformed("kid is not the ARN of a KMS key")
    profile = {"alg": "dir", "bid": bid, "cmt": cmt, "enc": "A256GCM", "fn": fn, "keys": [{"edk": edk, "kid": kid}], "src": src,
               "typ": "sealift-bundle+jwe", "v": 1}
    if _canonical(profile) != raw:
        raise _malformed("header has unknown, repeated or misspelt members, or is not in RFC 8785 form")
    if encrypted_key:
        raise _malformed("encrypted key is not empty, as dir wants it")
    if not _CONSUMER.fullmatch(fn):
        raise _malformed("fn is not a region and a function name")
    bundle.consumer, bundle.id, bundle.key_id = fn, bid, kid
    bundle.salt, bundle.commitment, bundle.wrapped = _decode_member(bid), _decode_member(cmt), _decode_member(edk)
    for name, value, size in (("bid", bundle.salt, 16), ("cmt", bundle.commitment, 32), ("src", _decode_member(src), 32)):
        if len(value) != size:
            raise _malformed(f"{name} is not canonical base64url of {size} bytes")
    if not 0 < len(bundle.wrapped) <= _MAX_WRAPPED_KEY:
        raise _malformed(f"edk is not canonical base64url of 1 to {_MAX_WRAPPED_KEY} bytes")


def _derive(data_key: bytearray, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) of 32 bytes, which are one block."""
    return hmac.digest(hmac.digest(salt, data_key, "sha256"), info + b"\x01", "sha256")


def _decrypt(bundle: "_Bundle", data_key: bytearray, opener: "Opener") -> "Optional[dict[str, str]]":
    """Check the key commitment, then the tag, and return the secrets; None for every failure alike."""
    if len(data_key) != 32:
        return None
    if not hmac.compare_digest(_derive(data_key, bundle.salt, b"sealift/bundle/1 commit"), bundle.commitment):
        return None
    content_key = bytearray(_derive(data_key, bundle.salt, b"sealift/bundle/1 cek"))
    payload = None
    try:
        payload = opener(content_key, bundle.iv, bundle.aad, bundle.ciphertext, bundle.tag)
        return None if payload is None else _parse_payload(payload)
    finally:
        _wipe(content_key)
        _wipe(payload)


def _parse_payload(payload: bytearray) -> "Optional[dict[str, str]]":
    """Accept an object of strings that equals its own RFC 8785 serialisation."""
    members: Any = _load(payload, _refuse)
    if not isinstance(members, dict):
        return None
    if not all(_is_secret_name(name) and isinstance(value, str) for name, value in members.items()):
        return None
    values: dict[str, str] = {name: members[name] for name in sorted(members)}
    return values if payload == _canonical(values) else None


def _is_secret_name(name: str) -> bool:
    return len(name) <= 128 and name.isascii() and name.isidentifier()  # of ASCII: [A-Za-z_][A-Za-z0-9_]*


def _wipe(buffer: "Optional[bytearray]") -> None:
    if buffer is not None:
        buffer[:] = bytes(len(buffer))


# ---- KMS


class _Limits:
    """Four tries in all, of two seconds each and seven together; times in seconds."""

    tries = 4
    once = 2.0
    together = 7.0
    backoff = 0.1

    def pause(self, tried: int, left: float) -> None:
        """Wait a random time of up to 0.1, 0.2 and 0.4 seconds."""
        most = self.backoff * 2 ** (tried - 1)
        time.sleep(max(0.0, min(left, most * int.from_bytes(os.urandom(4), "big") / (1 << 32))))


def _unwrap(client: "Any", bundle: "_Bundle", region: str, function: str, environ: "_Environment", limits: "_Limits") -> bytearray:
    """Return the bundle's data key, which the caller wipes."""
    deadline = time.monotonic() + limits.together
    if client is None:
        client = _default_client(region, environ, limits.once)
    context = {"sealift:use": "bundle", "sealift:fn": function, "sealift:region": region}
    call = functools.partial(client.decrypt, KeyId=bundle.key_id, CiphertextBlob=bundle.wrapped, EncryptionContext=context)
    verdict = "wait"
    for tried in range(1, limits.tries + 1):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        verdict, data_key = _ask(call, min(left, limits.once))
        if data_key is not None:
            return data_key
        if verdict != "wait" or tried == limits.tries:
            break
        limits.pause(tried, deadline - time.monotonic())
    raise _kms_failed(verdict, bundle.key_id, region, function)


def _ask(call: "Callable[[], Any]", seconds: float) -> "tuple[str, Optional[bytearray]]":
    """Call KMS in a thread and wait so long for it, whatever time-outs the client keeps.

    A thread that is given up ends by itself and keeps nothing from ending.
    """
    answers: list[tuple[str, Optional[bytearray]]] = []
    done = threading.Event()

    def work() -> None:
        try:
            answer = call()
            plaintext = answer.get("Plaintext") if isinstance(answer, Mapping) else None
            answers.append(("", bytearray(plaintext if isinstance(plaintext, (bytes, bytearray, memoryview)) else b"")))
        except BaseException as error:  # nobody above could catch it
            answers.append((_classify(error), None))
        done.set()

    threading.Thread(target=work, name="sealift-kms", daemon=True).start()
    return answers[0] if done.wait(seconds) else ("wait", None)


def _default_client(region: str, environ: "_Environment", seconds: float) -> "Any":
    try:
        import botocore.config  # type: ignore[import-untyped,import-not-found,unused-ignore]
        import botocore.session  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        botocore = None
    if botocore is None:
        raise SealiftError("E_KMS_STATE", "KMS can't be called: botocore is not installed beside the function; add boto3 to its package")
    try:
        config = botocore.config.Config(connect_timeout=seconds, read_timeout=seconds, retries={"max_attempts": 0})
        return botocore.session.get_session().create_client("kms", region_name=region, endpoint_url=_endpoint(environ), config=config)
    except Exception:  # what it says can quote the endpoint or a profile
        pass
    raise SealiftError("E_KMS_BUSY", "the client for KMS can't be made; check the function's AWS configuration, credentials and endpoint")


def _endpoint(environ: "_Environment") -> "Optional[str]":
    """Return the endpoint of KMS by the variables that botocore knows since 1.31 alone."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_KMS") or environ.get("AWS_ENDPOINT_URL") or None


_WAIT = frozenset((
    "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "SlowDown", "PriorRequestNotComplete",
    "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException",
    "InternalFailure", "InternalError", "InternalServerError", "InternalServerException",
    "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
))
_DENIED = frozenset((
    "AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired", "InvalidGrantTokenException",
    "UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "SignatureDoesNotMatch",
    "IncompleteSignature", "IncompleteSignatureException", "RequestExpired",
))
_INVALID = frozenset(("InvalidCiphertextException", "IncorrectKeyException"))
_NETWORK = frozenset(("HTTPClientError", "ConnectionError", "ResponseParserError"))  # of botocore.exceptions, with what derives from them


def _classify(error: BaseException) -> str:
    """Say what an error of client.decrypt means.

    wait: throttled, failing or not answering. denied. invalid: key, encryption context and wrapped key do
    not belong together. state: the key or the call is wrong. silent: no answer of KMS, not for want of time.
    """
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        code = _dig(response, "Error", "Code")
        if code in _WAIT:
            return "wait"
        if code in _DENIED:
            return "denied"
        if code in _INVALID:
            return "invalid"
        status = _dig(response, "ResponseMetadata", "HTTPStatusCode")
        return "wait" if isinstance(status, int) and (status == 429 or status >= 500) else "state"
    if isinstance(error, OSError) or any(kind.__name__ in _NETWORK for kind in type(error).__mro__):
        return "wait"
    return "silent"


def _dig(response: "Mapping[str, Any]", part: str, member: str) -> "Any":
    inner = response.get(part)
    value = inner.get(member) if isinstance(inner, Mapping) else None
    return value if isinstance(value, (str, int)) else None


def _kms_failed(verdict: str, key_id: str, region: str, function: str) -> SealiftError:
    if verdict == "denied":
        return SealiftError("E_KMS_DENIED", f"KMS denied the call; grant the function's role kms:Decrypt on {key_id} "
                            f"with the encryption context sealift:fn={function}, sealift:region={region}, sealift:use=bundle")
    if verdict == "state":
        return SealiftError("E_KMS_STATE", f"KMS refused the call; check that {key_id} exists, is enabled and encrypts symmetrically")
    if verdict == "invalid":
        return _auth_failed()
    if verdict == "silent":
        return SealiftError("E_KMS_BUSY", f"KMS was not reached for Decrypt on {key_id}; check the function's credentials, network and endpoint")
    return SealiftError("E_KMS_BUSY", f"KMS did not answer Decrypt on {key_id} in time, or throttled it, in every try; "
                        "check its quota and the function's route to KMS")


# ---- AES-256-GCM: three ways. Each takes key, initialisation vector, additional data, ciphertext and tag, and
# returns the plaintext, which the caller wipes, or None unless the tag is right.


class _Unusable(Exception):
    """This way can't be gone here; it says nothing about the bundle."""


def _openers(environ: "_Environment") -> "Iterable[Callable[[], Opener]]":
    if environ.get("SEALIFT_PURE_PYTHON") in ("", "on"):
        return (_cryptography, _libcrypto, _pure)
    return (_cryptography, _libcrypto)


def _choose(openers: "Iterable[Callable[[], Opener]]", size: int) -> "Opener":
    """Return the first way that can be gone. It comes before KMS, which is not asked for nothing."""
    for make in openers:
        try:
            opener = make()
        except _Unusable:
            continue
        if make is _pure and size > _PURE_LIMIT:
            raise SealiftError("E_FORMAT", f"there is no AES library, and without one a bundle has at most {_PURE_LIMIT} bytes of ciphertext; "
                               "add the package cryptography to the function")
        return opener
    raise SealiftError("E_FORMAT", "there is no AES library, and the reader's own, sealift_aes.py, is not beside sealift.py or SEALIFT_PURE_PYTHON "
                       "switches it off; add the package cryptography to the function, or the file, or remove the variable")


def _cryptography() -> "Opener":
    try:
        from cryptography.exceptions import InvalidTag  # type: ignore[import-not-found,unused-ignore]
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # type: ignore[import-not-found,unused-ignore]
    except Exception:  # not there, or built for another machine, which shows in several ways
        raise _Unusable from None

    def opener(key: bytearray, iv: bytes, aad: bytes, ciphertext: bytes, tag: bytes) -> "Optional[bytearray]":
        try:
            return bytearray(AESGCM(key).decrypt(iv, ciphertext + tag, aad))
        except InvalidTag:
            return None

    return opener


def _libraries() -> "Iterator[str]":
    """Name what can have OpenSSL's functions, the one that this Python is linked to first.

    Names are known of Lambda's images: .3 of Amazon Linux 2023, .1.1 and .10 of Amazon Linux 2. find_library starts
    processes, so it is last, and on macOS names a library that ends the process which loads it.
    """
    for module in ("_hashlib", "_ssl"):
        file = getattr(sys.modules.get(module), "__file__", None)
        if file:
            yield file
    yield from ("libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so.10", "libcrypto.so")
    if sys.platform.startswith("linux"):
        from ctypes.util import find_library
        name = find_library("crypto")
        if name:
            yield name


def _libcrypto() -> "Opener":
    """AES-GCM by OpenSSL's EVP functions, of 1.0.2 and later."""
    try:
        import ctypes
    except ImportError:
        raise _Unusable from None
    for name in _libraries():
        try:
            opener = functools.partial(_evp_open, ctypes, _evp(ctypes, ctypes.CDLL(name)))
        except (OSError, AttributeError):
            continue
        if _knows_its_job(opener):
            return opener
    raise _Unusable


def _knows_its_job(opener: "Opener") -> bool:
    """Open test case 14 of the GCM specification (McGrew and Viega), so that a library that can't is not taken for a bad tag."""
    ciphertext, tag = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18"), bytes.fromhex("d0d1c8a799996bf0265b98b5d48ab919")
    return opener(bytearray(32), bytes(12), b"", ciphertext, tag) == bytes(16)


def _evp(ctypes: "Any", library: "Any") -> "Any":
    """Declare the functions of library; AttributeError if it lacks one."""
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    update = [pointer, pointer, ctypes.POINTER(integer), text, integer]
    for name, result, arguments in (
        ("EVP_aes_256_gcm", pointer, []),
        ("EVP_CIPHER_CTX_new", pointer, []),
        ("EVP_CIPHER_CTX_free", None, [pointer]),
        ("EVP_CIPHER_CTX_ctrl", integer, [pointer, integer, integer, pointer]),
        ("EVP_DecryptInit_ex", integer, [pointer, pointer, pointer, pointer, text]),
        ("EVP_DecryptUpdate", integer, update),
        ("EVP_DecryptFinal_ex", integer, [pointer, pointer, ctypes.POINTER(integer)]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_SET_IV_LENGTH, _SET_TAG = 0x9, 0x11  # EVP_CTRL_AEAD_*, from openssl/evp.h


def _evp_open(ctypes: "Any", evp: "Any", key: bytearray, iv: bytes, aad: bytes, ciphertext: bytes, tag: bytes) -> "Optional[bytearray]":
    if len(key) != 32 or len(iv) != 12 or len(tag) != 16:
        return None
    context = evp.EVP_CIPHER_CTX_new()
    if not context:
        raise MemoryError
    size = ctypes.c_int(0)
    plaintext = bytearray(len(ciphertext) + 16)
    out = (ctypes.c_char * len(plaintext)).from_buffer(plaintext)
    c_key = (ctypes.c_char * 32).from_buffer(key)
    good = False
    try:
        good = (
            evp.EVP_DecryptInit_ex(context, evp.EVP_aes_256_gcm(), None, None, None) == 1
            and evp.EVP_CIPHER_CTX_ctrl(context, _SET_IV_LENGTH, 12, None) == 1
            and evp.EVP_DecryptInit_ex(context, None, None, ctypes.addressof(c_key), iv) == 1
            and (not aad or evp.EVP_DecryptUpdate(context, None, ctypes.byref(size), aad, len(aad)) == 1)
            and (not ciphertext or evp.EVP_DecryptUpdate(context, out, ctypes.byref(size), ciphertext, len(ciphertext)) == 1
                 and size.value == len(ciphertext))
            and evp.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, 16, tag) == 1
            and evp.EVP_DecryptFinal_ex(context, ctypes.addressof(out) + len(ciphertext), ctypes.byref(size)) == 1
            and size.value == 0
        )
    finally:
        evp.EVP_CIPHER_CTX_free(context)
        del out, c_key  # or the buffers could not be resized
        if not good:
            _wipe(plaintext)
    if not good:
        return None
    del plaintext[len(ciphertext):]
    return plaintext


_PURE_LIMIT = 64 << 10  # about a tenth of a second


def _pure() -> "Opener":
    """AES-GCM in Python, the last resort: sealift_aes.py says what speaks against it. SEALIFT_PURE_PYTHON=off refuses it."""
    try:
        if __package__:
            from .sealift_aes import open_gcm
        else:
            from sealift_aes import open_gcm
    except ImportError:
        raise _Unusable from None
    return open_gcm
