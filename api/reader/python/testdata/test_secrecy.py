"""No value leaves by a way that nobody asked for."""

import copy
import importlib
import json
import os
import pickle
import sys
import tempfile
import traceback
import types
import unittest
from unittest import mock

from fakes import OPENERS, Client, ClientError, Hasty, environment, good_client, sealift, usable, vector

VALUE = vector("valid-one-secret")["secrets"]["DB_PASSWORD"]
KEY = bytes.fromhex(vector("valid-one-secret")["kms"]["plaintext"])


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        sealift._opened.clear()


class SecretsTest(Case):
    def setUp(self):
        super().setUp()
        self.before = dict(os.environ)
        self.secrets = sealift.open_bundle(None, good_client(), environment(self.folder))

    def test_mapping(self):
        s = self.secrets
        self.assertEqual((s["DB_PASSWORD"], s.get("DB_PASSWORD"), list(s), len(s), dict(s)), (VALUE, VALUE, ["DB_PASSWORD"], 1, {"DB_PASSWORD": VALUE}))
        self.assertTrue("DB_PASSWORD" in s and "NOPE" not in s and 1 not in s)
        self.assertEqual(s.bundle_id, "ALN_lviUQIr2qL8YrZr-BQ")

    def test_missing(self):
        for name in ("NOPE", "", "__class__", 'a"b', 1, None):
            for look_up in (self.secrets.get, self.secrets.__getitem__):
                with self.assertRaises(sealift.SealiftError) as caught:
                    look_up(name)
                self.assertEqual(str(caught.exception), f"E_MISSING: the bundle has no secret {json.dumps(str(name))}; add it to spec.sealed and apply")
        with self.assertRaises(TypeError):
            self.secrets.get("NOPE", "a default that would hide it")

    def test_read_only(self):
        for change in (lambda: setattr(self.secrets, "DB_PASSWORD", "x"), lambda: setattr(self.secrets, "bundle_id", "x"),
                       lambda: self.secrets.__setitem__("DB_PASSWORD", "x"), lambda: self.secrets.update({})):
            self.assertRaises((AttributeError, TypeError), change)

    def test_printing(self):
        s = self.secrets
        printed = [repr(s), str(s), f"{s}", "%s %r" % (s, s), repr([s]), repr(s.items()), repr(s.values()), repr(s.keys()), json.dumps(s, default=str)]
        for text in printed:
            self.assertIn("[redacted]", text)
            self.assertNotIn(VALUE, text)
        self.assertRaises(TypeError, json.dumps, s)
        self.assertRaises(TypeError, vars, s)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            self.assertRaisesRegex(TypeError, "can't be pickled", pickle.dumps, s, protocol)
        self.assertRaises(TypeError, copy.copy, s)
        self.assertRaises(TypeError, copy.deepcopy, s)

    def test_os_environ_is_left_alone(self):
        self.assertEqual(dict(os.environ), self.before)
        with mock.patch.dict(os.environ):
            self.secrets.to_environ(["DB_PASSWORD"])
            self.assertEqual({k: v for k, v in os.environ.items() if k not in self.before}, {"DB_PASSWORD": VALUE})

    def test_to_environ(self):
        s = sealift.Secrets("bid", {"A": "1", "B": "2", "NUL": "x\0y", "LONE": "\ud800"})
        for names, want, error in (
            (["A"], {"A": "1"}, None),
            (("B", "A"), {"A": "1", "B": "2"}, None),
            ([], {}, None),
            (["A", "NOPE"], {}, "E_MISSING: the bundle has no secret \"NOPE\"; add it to spec.sealed and apply"),
            (["A", "NUL"], {}, "E_FORMAT: the secret NUL can't be an environment variable: it has a NUL character, or the locale can't encode it; use Secrets.get"),
            (["A", "LONE"], {}, "E_FORMAT: the secret LONE can't be an environment variable: it has a NUL character, or the locale can't encode it; use Secrets.get"),
            ("A", {}, "to_environ wants a list of names, not one string"),
        ):
            environ = {}
            with self.subTest(names=names):
                if error is None:
                    s.to_environ(names, environ)
                else:
                    with self.assertRaises((sealift.SealiftError, TypeError)) as caught:
                        s.to_environ(names, environ)
                    self.assertEqual(str(caught.exception), error)
                self.assertEqual(environ, want)


class Leaks(Case):
    """Failures after the data key is known show neither it nor a value, even to what prints all locals, as crash reporters do."""

    def shown(self, bundle, client, opener):
        environ = sealift._Environment({**environment(self.folder, bundle), "AWS_SECRET_ACCESS_KEY": "credentials of AWS"})
        try:
            sealift._open(None, client, environ, Hasty(), [opener])
        except sealift.SealiftError as error:  # not assertRaises, which clears the locals
            self.assertIsNone(error.__cause__ or error.__context__)
            report = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
            self.assertIn("environ = <sealift._Environment object at", report)
            self.assertNotIn("credentials of AWS", report)
            return report + repr(error) + repr(error.__dict__)
        self.fail("the bundle opens")

    def check(self, report, key, *words):
        self.assertIn("E_AUTH", report)
        for secret in (repr(key[10:30])[2:-1], key.hex(), *words):
            self.assertNotIn(secret, report)

    def test_ciphertexts(self):
        for way, opener in OPENERS.items():
            for name in ("auth-tag-last-bit", "auth-ciphertext", "auth-commitment", "auth-content-key", "auth-key-64", "auth-key-16"):
                with self.subTest(way=way, vector=name):
                    if not usable(way):
                        self.skipTest(f"{way} can't be used here")
                    v = vector(name)
                    key = bytes.fromhex(v["kms"]["plaintext"])
                    self.check(self.shown(v["bundle"], Client(lambda _: {"Plaintext": key}), opener), key, "correct horse", "DB_PASSWORD")

    def test_payloads(self):
        """Of payloads that are sealed well and wrong in themselves."""
        for payload in (b'{"NAME":"canary"', b'{"NAME":"canary\xff"}', b'{"NAME":"canary","NAME":"canary"}', b'{"B":"canary","A":"x"}', b'{"1":"canary"}',
                        b'{"A":"canary","B":1}', b'{"A":"canary","B":1.5}', b'{"A":"canary","B":NaN}', b'{"A":"canary","B":"\\ud800"}', b'["canary"]',
                        b'"canary"', b'{"A":"canary"} ', b'\xef\xbb\xbf{"A":"canary"}', b'{"A":{"B":"canary"}}', b"[" * 100000 + b"canary"):
            with self.subTest(payload[:40]):
                def opener(*_, payload=payload):
                    return bytearray(payload)

                self.check(self.shown(None, good_client(), lambda: opener), KEY, "canary")

    def test_text_of_kms(self):
        for code in ("AccessDeniedException", "ThrottlingException", "InvalidCiphertextException", "DisabledException", "Whatever"):
            report = self.shown(None, Client(ClientError(code, text="echo of " + VALUE)), sealift._pure)
            self.assertNotIn(VALUE, report)
            self.assertNotIn("echo", report)

    def test_key_is_wiped(self):
        keys = []

        def spy(bundle, data_key, opener):
            keys.append(data_key)
            self.assertEqual(data_key, KEY)
            raise KeyboardInterrupt

        with mock.patch.object(sealift, "_decrypt", spy), self.assertRaises(KeyboardInterrupt):
            sealift._open(None, good_client(), sealift._Environment(environment(self.folder)))
        self.assertEqual(keys, [bytearray(32)])

    def test_content_key_and_payload_are_wiped(self):
        for way, make in OPENERS.items():
            with self.subTest(way):
                if not usable(way):
                    self.skipTest(f"{way} can't be used here")
                way_opener = make()
                seen = []

                def opener(key, *rest):
                    self.assertNotEqual(key, bytearray(32))
                    seen.extend((key, way_opener(key, *rest)))
                    self.assertIn(VALUE.encode(), seen[1])
                    return seen[1]

                sealift._open(None, good_client(), sealift._Environment(environment(self.folder)), None, [lambda: opener])
                self.assertEqual(seen, [bytearray(32), bytearray(len(seen[1]))])


class SnapStart(Case):
    """With a module that stands for Lambda's snapshot_restore_py."""

    def load(self, hooks):
        fake = types.ModuleType("snapshot_restore_py")
        fake.register_before_snapshot = lambda f: hooks.setdefault("before", f)
        fake.register_after_restore = lambda f: hooks.setdefault("after", f)
        if hooks is NONE:
            fake = None
        started = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
        specification = importlib.util.spec_from_file_location("sealift_in_snapshot", sealift.__file__)
        module = importlib.util.module_from_spec(specification)
        with mock.patch.dict(sys.modules, {"snapshot_restore_py": fake}), mock.patch.dict(os.environ, started):
            specification.loader.exec_module(module)
        return module, environment(self.folder, **started)

    def refused(self, module, call, *arguments):
        with self.assertRaises(module.SealiftError) as caught:
            call(*arguments)
        self.assertEqual(str(caught.exception), "E_CONTEXT: the function initialises for SnapStart: what is opened now would be in the snapshot; "
                         "call secrets() in the handler, or wrap the handler with sealift.wrap")

    def test_nothing_is_opened_before_the_snapshot(self):
        hooks = {}
        module, environ = self.load(hooks)
        client = good_client()
        self.refused(module, module.secrets, None, client, environ)
        self.refused(module, module.open_bundle, None, client, environ)
        hooks["before"]()
        self.refused(module, module.secrets, None, client, environ)
        self.assertEqual(client.calls, [])
        hooks["after"]()
        self.assertEqual(module.secrets(None, client, environ).get("DB_PASSWORD"), VALUE)
        self.assertEqual(len(client.calls), 1)

    def test_what_was_opened_is_dropped(self):
        hooks = {}
        module, environ = self.load(hooks)
        client = good_client()
        module.secrets(None, client, {**environ, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"})
        hooks["before"]()
        self.assertEqual(module._opened, {})
        hooks["after"]()
        module.secrets(None, client, environ)
        self.assertEqual(len(client.calls), 2)

    def test_without_hooks_an_invocation_tells(self):
        module, environ = self.load(NONE)
        self.refused(module, module.secrets, None, good_client(), environ)
        self.assertEqual(module.secrets(None, good_client(), {**environ, "_X_AMZN_TRACE_ID": "Root=1-2-3"}).get("DB_PASSWORD"), VALUE)
        module, environ = self.load(NONE)
        handler = module.wrap(lambda event, context: module.secrets(None, good_client(), environ).get("DB_PASSWORD"))
        self.refused(module, module.secrets, None, good_client(), environ)
        self.assertEqual(handler({}, None), VALUE)

    def test_other_functions_register_nothing(self):
        hooks = {}
        fake = types.ModuleType("snapshot_restore_py")
        fake.register_before_snapshot = fake.register_after_restore = lambda f: hooks.setdefault("any", f)
        specification = importlib.util.spec_from_file_location("sealift_on_demand", sealift.__file__)
        with mock.patch.dict(sys.modules, {"snapshot_restore_py": fake}), mock.patch.dict(os.environ, {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}):
            specification.loader.exec_module(importlib.util.module_from_spec(specification))
        self.assertEqual(hooks, {})


NONE = {}

if __name__ == "__main__":
    unittest.main()
