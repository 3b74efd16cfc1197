"""What sealift.py promises beyond the vectors: where the bundle is, KMS, the cache, the canary."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from fakes import HERE, OPENERS, Client, ClientError, Hasty, environment, good_client, sealift, usable, vector

VALUE = vector("valid-one-secret")["secrets"]["DB_PASSWORD"]
BUNDLE = vector("valid-one-secret")["bundle"]
KMS = vector("valid-one-secret")["kms"]
BEHIND = BUNDLE[BUNDLE.index("."):]  # the header
Environment = sealift._Environment


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        sealift._opened.clear()

    def fails(self, code, text, call, *arguments, **named):
        with self.assertRaises(sealift.SealiftError) as caught:
            call(*arguments, **named)
        self.assertEqual(str(caught.exception), f"{code}: {text}" if text else str(caught.exception))
        self.assertEqual(caught.exception.code, code)
        self.assertIsNone(caught.exception.__cause__)
        self.assertIsNone(caught.exception.__context__)
        return caught.exception


class Location(Case):
    def test_where(self):
        other = os.path.join(self.folder, "other.jwe")
        with open(other, "w", encoding="utf-8") as file:
            file.write(BUNDLE)
        broken = "not a bundle"
        absent = "/nonexistent/sealed-config.jwe"
        for name, bundle, variable, path, code in (
            ("default file", BUNDLE, "", None, "ok"),
            ("relative path", broken, "", "other.jwe", "ok"),
            ("absolute path", broken, "", other, "ok"),
            ("absolute path wins over a bundle in the variable", broken, broken, other, "ok"),
            ("absolute path wins over a path in the variable", broken, absent, other, "ok"),
            ("path in the variable", broken, other, None, "ok"),
            ("path in the variable wins over a relative one", BUNDLE, absent, "sealed-config.jwe", "E_MISSING"),
            ("bundle in the variable", broken, BUNDLE, None, "ok"),
            ("bundle in the variable wins over a relative path", broken, BUNDLE, "absent.jwe", "ok"),
            ("line feed behind the bundle in the variable", BUNDLE, BUNDLE + "\n", None, "E_FORMAT"),
            ("file name in the variable is no bundle", BUNDLE, "other.jwe", None, "E_FORMAT"),
            ("not text in the variable", BUNDLE, "\udcff", None, "E_FORMAT"),
        ):
            with self.subTest(name):
                environ = environment(self.folder, bundle, SEALIFT_BUNDLE=variable)
                if code != "ok":
                    self.fails(code, "", sealift.open_bundle, path, good_client(), environ)
                else:
                    self.assertEqual(dict(sealift.open_bundle(path, good_client(), environ)), {"DB_PASSWORD": VALUE})

    def test_missing(self):
        environ = environment(self.folder)
        self.fails("E_MISSING", f"there is no bundle at {self.folder}/absent.jwe; write it with sealift apply",
                   sealift.open_bundle, "absent.jwe", good_client(), environ)
        for name in (".", "a\0b"):
            self.fails("E_MISSING", "", sealift.open_bundle, name, good_client(), environ)
        self.fails("E_MISSING", f"the bundle at {self.folder} can't be read; check what it is and its permissions",
                   sealift.open_bundle, ".", good_client(), environ)


class Size(Case):
    def test_whole_file(self):
        for text, cause in ((BUNDLE + "A" * (1048577 - len(BUNDLE)), "over 1048576 bytes"), (BUNDLE + "\n" * 1048576, "over 1048576 bytes"),
                            ("A" * 16385 + BEHIND, "header over 16384 characters"), ("A" * 16384 + BEHIND, "header is not the JSON of a bundle")):
            self.fails("E_FORMAT", f"malformed bundle: {cause}; write the bundle again with sealift apply",
                       sealift.open_bundle, None, good_client(), environment(self.folder, text))


class Kms(Case):
    def attempt(self, client):
        return sealift._open(None, client, Environment(environment(self.folder)), Hasty())

    def test_call(self):
        client = good_client()
        self.attempt(client)
        self.assertEqual(len(client.calls), 1)
        call = client.calls[0]
        self.assertEqual(sorted(call), ["CiphertextBlob", "EncryptionContext", "KeyId"])
        self.assertEqual(call["KeyId"], KMS["keyId"])
        self.assertEqual(call["EncryptionContext"], KMS["encryptionContext"])

    def test_failures(self):
        class ReadTimeoutError(type("HTTPClientError", (Exception,), {})):  # as botocore.exceptions has it
            response = None

        for name, error, code, tries in (
            ("throttling", ClientError("ThrottlingException"), "E_KMS_BUSY", 4),
            ("status 500", ClientError("UnknownError", 500), "E_KMS_BUSY", 4),
            ("status 429", ClientError("UnknownError", 429), "E_KMS_BUSY", 4),
            ("status 400", ClientError("UnknownError", 400), "E_KMS_STATE", 1),
            ("denied", ClientError("AccessDeniedException"), "E_KMS_DENIED", 1),
            ("expired credentials", ClientError("ExpiredTokenException"), "E_KMS_DENIED", 1),
            ("disabled", ClientError("DisabledException"), "E_KMS_STATE", 1),
            ("other key", ClientError("IncorrectKeyException"), "E_AUTH", 1),
            ("code that is no text", ClientError(["ThrottlingException"]), "E_KMS_STATE", 1),
            ("time-out of the SDK", ReadTimeoutError("late"), "E_KMS_BUSY", 4),
            ("reset connection", ConnectionResetError(), "E_KMS_BUSY", 4),
            ("no credentials", type("NoCredentialsError", (Exception,), {})("none"), "E_KMS_BUSY", 1),
            ("exit", SystemExit(1), "E_KMS_BUSY", 1),
        ):
            with self.subTest(name):
                client = Client(error)
                self.fails(code, "", self.attempt, client)
                self.assertEqual(len(client.calls), tries)

    def test_recovery_in_the_fourth_try(self):
        client = Client(ClientError("ThrottlingException"), ClientError("KMSInternalException", 500), TimeoutError(), *good_client().answers)
        self.assertEqual(self.attempt(client).get("DB_PASSWORD"), VALUE)
        self.assertEqual(len(client.calls), 4)

    def test_no_answer(self):
        waited, now = [], [1000.0]

        def ask(_, seconds):
            waited.append(seconds)
            now[0] += seconds
            return "wait", None

        def pass_time(seconds):
            now[0] += seconds

        clock = mock.Mock(monotonic=lambda: now[0], sleep=pass_time)
        with mock.patch.object(sealift, "_ask", ask), mock.patch.object(sealift, "time", clock):
            self.fails("E_KMS_BUSY", f"KMS did not answer Decrypt on {KMS['keyId']} in time, or throttled it, in every try; "
                       "check its quota and the function's route to KMS", sealift.open_bundle, None, good_client(), environment(self.folder))
        self.assertEqual(waited[:3], [2, 2, 2])
        self.assertEqual(len(waited), 4)
        self.assertLessEqual(now[0], 1007)
        self.assertLess(waited[3], 1)

    def test_no_time_left(self):
        """A pause that took too long is not followed by a call."""
        asked, now = [], [0.0]

        def pass_time(_):
            now[0] += 10

        clock = mock.Mock(monotonic=lambda: now[0], sleep=pass_time)
        with mock.patch.object(sealift, "_ask", lambda _, seconds: asked.append(seconds) or ("wait", None)), mock.patch.object(sealift, "time", clock):
            self.fails("E_KMS_BUSY", "", sealift.open_bundle, None, good_client(), environment(self.folder))
        self.assertEqual(asked, [2])

    def test_silence_is_given_up(self):
        silence = threading.Event()
        self.addCleanup(silence.set)
        self.assertEqual(sealift._ask(silence.wait, 0.01), ("wait", None))

    def test_limits(self):
        limits = sealift._Limits()
        self.assertEqual((limits.tries, limits.once, limits.together, limits.backoff), (4, 2, 7, 0.1))
        slept = []
        with mock.patch.object(sealift.time, "sleep", slept.append):
            for _ in range(200):
                for tried in (1, 2, 3):
                    limits.pause(tried, 5)
            limits.pause(3, 0)
        self.assertEqual(slept.pop(), 0)
        for i, most in enumerate((0.1, 0.2, 0.4)):
            some = slept[i::3]
            self.assertTrue(0 <= min(some) < most / 4 and most * 3 / 4 < max(some) <= most, (most, min(some), max(some)))

    def test_answers_without_a_key(self):
        for answer in ({}, {"Plaintext": None}, {"Plaintext": "x" * 32}, {"Plaintext": b""}, None, []):
            self.fails("E_AUTH", "", self.attempt, Client(lambda _, answer=answer: answer))

    def test_without_botocore(self):
        with mock.patch.dict(sys.modules, {"botocore": None, "botocore.config": None, "botocore.session": None}):
            self.fails("E_KMS_STATE", "KMS can't be called: botocore is not installed beside the function; add boto3 to its package",
                       self.attempt, None)

    def test_endpoint(self):
        for variables, want in (
            ({}, None),
            ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
            ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_KMS": "http://b"}, "http://b"),
            ({"AWS_ENDPOINT_URL_KMS": "http://b", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}, None),
        ):
            self.assertEqual(sealift._endpoint(Environment(variables)), want)


class Cache(Case):
    def test_opened_once(self):
        environ, client = environment(self.folder), good_client()
        found = []
        threads = [threading.Thread(target=lambda: found.append(sealift.secrets(None, client, environ))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(found), 8)
        self.assertEqual(len(set(map(id, found))), 1)
        self.assertEqual(len(client.calls), 1)

    def test_failure_is_not_kept(self):
        environ = environment(self.folder)
        client = Client(ClientError("AccessDeniedException"), *good_client().answers)
        self.fails("E_KMS_DENIED", f"KMS denied the call; grant the function's role kms:Decrypt on {KMS['keyId']} "
                   "with the encryption context sealift:fn=hello, sealift:region=us-east-2, sealift:use=bundle",
                   sealift.secrets, None, client, environ)
        self.assertEqual(sealift.secrets(None, client, environ).get("DB_PASSWORD"), VALUE)

    def test_each_bundle_for_itself(self):
        with tempfile.TemporaryDirectory() as other:
            client = good_client()
            sealift.secrets(None, client, environment(self.folder))
            sealift.secrets(None, client, environment(other))
            sealift.secrets(None, client, environment(other, SEALIFT_BUNDLE=BUNDLE))
            self.assertEqual(len(client.calls), 3)


class Canary(Case):
    def setUp(self):
        super().setUp()
        self.seen = []
        self.client = good_client()

        def handler(event, context):
            """What it does."""
            self.seen.append((event, context))
            return "handled"

        self.handler = handler
        self.wrapped = sealift.wrap(handler, client=self.client, environ=environment(self.folder))

    def test_answer(self):
        self.assertEqual(self.wrapped({"sealift.dev/canary": "1"}, None), {"sealift.dev/canary": {"bid": "ALN_lviUQIr2qL8YrZr-BQ"}})
        self.wrapped({"sealift.dev/canary": "1"}, None)
        self.assertEqual(self.seen, [])
        self.assertEqual(len(self.client.calls), 1)
        self.assertEqual((self.wrapped.__name__, self.wrapped.__doc__), ("handler", "What it does."))

    def test_everything_else_is_the_handlers(self):
        context = object()
        for event in ({}, None, "1", [], {"sealift.dev/canary": 1}, {"sealift.dev/canary": True}, {"sealift.dev/canary": ["1"]},
                      {"sealift.dev/canary": "2"}, {"sealift.dev/canary": "1", "more": 1}, {"Sealift.dev/canary": "1"}, ["sealift.dev/canary"]):
            with self.subTest(event=event):
                self.seen.clear()
                self.assertEqual(self.wrapped(event, context), "handled")
                self.assertIs(self.seen[0][0], event)
                self.assertIs(self.seen[0][1], context)
        self.assertEqual(self.client.calls, [])

    def test_failure(self):
        wrapped = sealift.wrap(self.handler, client=self.client, environ=environment(self.folder, "broken"))
        self.fails("E_FORMAT", "malformed bundle: 0 dots where a compact JWE has 4; write the bundle again with sealift apply",
                   wrapped, {"sealift.dev/canary": "1"}, None)
        self.assertEqual(self.seen, [])


class Ways(Case):
    """How AES-GCM is chosen."""

    def test_all_of_them_here(self):
        self.assertTrue(usable("pure"))
        if sys.platform.startswith("linux"):
            self.assertTrue(usable("libcrypto"))

    def test_each_opens(self):
        for name, opener in OPENERS.items():
            with self.subTest(name):
                if not usable(name):
                    self.skipTest(f"{name} can't be used here")
                secrets = sealift._open(None, good_client(), Environment(environment(self.folder)), None, [opener])
                self.assertEqual(dict(secrets), {"DB_PASSWORD": VALUE})

    def test_order(self):
        self.assertEqual(list(sealift._openers(Environment({}))), [sealift._cryptography, sealift._libcrypto, sealift._pure])
        self.assertEqual(list(sealift._openers(Environment({"SEALIFT_PURE_PYTHON": "on"}))), [sealift._cryptography, sealift._libcrypto, sealift._pure])
        for switched in ("off", "0", "no"):
            self.assertEqual(list(sealift._openers(Environment({"SEALIFT_PURE_PYTHON": switched}))), [sealift._cryptography, sealift._libcrypto])

    def test_broken_cryptography_is_passed_over(self):
        with mock.patch.dict(sys.modules, {"cryptography": None, "cryptography.exceptions": None}):
            self.assertFalse(usable("cryptography"))

    def test_library_that_is_not_openssl_is_passed_over(self):
        names = ["/nonexistent/libcrypto.so.3", None, *sealift._libraries()]  # None is this program itself
        with mock.patch.object(sealift, "_libraries", lambda: iter(names)):
            self.assertTrue(usable("libcrypto"))
        with mock.patch.object(sealift, "_libraries", lambda: iter(names[:1])):
            self.assertFalse(usable("libcrypto"))
        with mock.patch.object(sealift, "_evp_open", lambda *_: bytearray(15)):
            self.assertFalse(usable("libcrypto"))

    def test_none(self):
        client = good_client()
        unusable = [mock.Mock(side_effect=sealift._Unusable)]
        self.fails("E_FORMAT", "there is no AES library, and the reader's own, sealift_aes.py, is not beside sealift.py or SEALIFT_PURE_PYTHON switches it off; "
                   "add the package cryptography to the function, or the file, or remove the variable",
                   sealift._open, None, client, Environment(environment(self.folder)), None, unusable)
        self.assertEqual(client.calls, [])

    def test_pure_is_compiled_only_where_it_is_used(self):
        """What a cold start does not use it does not pay for; and the file may be missing, or in a package beside sealift.py."""
        program = ("import importlib, sys; module, part, way = sys.argv[1:]; reader = importlib.import_module(module); made = 'unusable'\n"
                   "try: made = getattr(reader, way)().__module__ if way == '_pure' else getattr(reader, way)() and 'made'\n"
                   "except reader._Unusable: pass\n"
                   "print(made, part in sys.modules)")
        package = os.path.join(self.folder, "app")
        os.mkdir(package)
        for name in ("sealift.py", "sealift_aes.py"):
            shutil.copy(HERE.parent / name, package)
        open(os.path.join(package, "__init__.py"), "w", encoding="utf-8").close()
        alone = os.path.join(self.folder, "alone")
        os.mkdir(alone)
        shutil.copy(HERE.parent / "sealift.py", alone)
        for folder, module, part, way, want in (
            (package, "sealift", "sealift_aes", "_pure", "sealift_aes True"),
            (self.folder, "app.sealift", "app.sealift_aes", "_pure", "app.sealift_aes True"),
            (alone, "sealift", "sealift_aes", "_pure", "unusable False"),
            (package, "sealift", "sealift_aes", "_libcrypto", "made False" if usable("libcrypto") else "unusable False"),
        ):
            with self.subTest(module=module, way=way, folder=os.path.basename(folder)):
                out = subprocess.run([sys.executable, "-B", "-c", program, module, part, way], cwd=folder, capture_output=True, text=True, check=True)
                self.assertEqual(out.stdout.strip(), want)

    def test_pure_has_a_limit(self):
        for size, code, calls in ((65536, "E_AUTH", 1), (65537, "E_FORMAT", 0)):
            parts = BUNDLE.split(".")
            parts[3] = sealift.binascii.b2a_base64(bytes(size), newline=False).decode().rstrip("=")
            client = good_client()
            error = self.fails(code, "", sealift._open, None, client, Environment(environment(self.folder, ".".join(parts))), None, [sealift._pure])
            self.assertEqual(len(client.calls), calls)
        self.assertEqual(str(error), "E_FORMAT: there is no AES library, and without one a bundle has at most 65536 bytes of ciphertext; "
                         "add the package cryptography to the function")


if __name__ == "__main__":
    unittest.main()
