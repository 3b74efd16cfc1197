'use strict';

// The function's side of sealift in Node.js, in one file: copy it beside the handler with
// `sealift vendor node FOLDER`. sealift.mjs is the same for ES modules.
//
//   const { secrets, wrap } = require('./sealift.cjs');   // CommonJS
//   import { secrets, wrap } from './sealift.mjs';        // ES modules
//
//   const config = await secrets();                 // opened once in a process
//   config.get('DB_PASSWORD');                      // a string, or an error with the code E_MISSING
//   exports.handler = wrap(async (event) => …);     // answers sealift's canary
//
// secrets() reads the bundle, checks that it was sealed for this function, asks KMS once to
// unwrap the data key, and decrypts. Every failure is a SealiftError with a code; there is no
// fallback, and nothing is written to process.env, where child processes and crash reports
// would find it. The format is specified in sealift's api/SPEC.md. Needs Node.js 18 or later
// and, when a bundle is opened, @aws-sdk/client-kms, which Lambda's Node.js runtimes bring along.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { inspect } = require('node:util');

const BUNDLE_VARIABLE = 'SEALIFT_BUNDLE';
const CANARY = 'sealift.dev/canary';
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming'); // what awslambda.streamifyResponse leaves on a handler
const DEFAULT_PATH = 'sealed-config.jwe';
const MAX_BUNDLE_SIZE = 1 << 20;
const MAX_HEADER_SIZE = 16 << 10;
const MAX_WRAPPED_KEY = 6144;

const TRIES = 4;
const TRY_TIMEOUT = 2000; // milliseconds, as the next two
const TOTAL_TIMEOUT = 7000;
const FIRST_BACKOFF = 100;

const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const CONSUMER = /^[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}\/[A-Za-z0-9_-]{1,64}$/;
const KEY_ARN = /^arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key\/[A-Za-z0-9-]{1,128}$/;

// SealiftError is what open and get fail with. Its code is E_MISSING, E_FORMAT, E_CONTEXT,
// E_KMS_DENIED, E_KMS_STATE, E_KMS_BUSY or E_AUTH. Its text says what to do; it holds no secret,
// no byte of the bundle and no text of KMS, which could echo either.
class SealiftError extends Error {
  constructor(code, cause) {
    super(`${code}: ${cause}`);
    this.name = 'SealiftError';
    this.code = code;
  }
}

// Secrets is what a bundle holds. It prints as [redacted] in every way.
class Secrets {
  #values; // an object without a prototype: nothing is inherited, and __proto__ is a name
  #bundleId;

  constructor(values, bundleId) {
    this.#values = values;
    this.#bundleId = bundleId;
    Object.freeze(this);
  }

  // get returns the secret of that name, or throws a SealiftError with the code E_MISSING: an
  // absent secret is never undefined.
  get(name) {
    if (!Object.hasOwn(this.#values, name)) {
      throw new SealiftError('E_MISSING', `the bundle has no secret ${JSON.stringify(String(name))}; add it to spec.sealed and apply`);
    }
    return this.#values[name];
  }

  // names returns the names of all secrets in ascending order.
  names() {
    return Object.keys(this.#values);
  }

  // bundleId is the id of the bundle, base64url of 16 bytes, which is no secret.
  get bundleId() {
    return this.#bundleId;
  }

  toString() {
    return '[redacted]';
  }

  toJSON() {
    return '[redacted]';
  }

  [inspect.custom]() {
    return '[redacted]';
  }
}

const opened = new Map(); // where the bundle is, and who opens it, to the promise of its Secrets

// open returns a promise of the Secrets of the function's bundle. One process opens a bundle
// once: later calls get the same promise, unless it was rejected; then the next call tries again.
//
// options, all optional:
//   path    of the bundle. An absolute one is used whatever the environment says; a relative one
//           is taken from LAMBDA_TASK_ROOT where SEALIFT_BUNDLE is not set. Default: sealed-config.jwe.
//   client  for KMS: an object whose decrypt(input, {abortSignal}) does not retry, as a KMS of
//           @aws-sdk/client-kms made with maxAttempts: 1. Default: such a KMS.
//   env     instead of process.env, read for SEALIFT_BUNDLE, AWS_REGION, AWS_LAMBDA_FUNCTION_NAME
//           and LAMBDA_TASK_ROOT.
function open(options = {}) {
  const env = options.env ?? process.env;
  const source = locate(options.path, env);
  const key = JSON.stringify([source, env.AWS_REGION, env.AWS_LAMBDA_FUNCTION_NAME]);
  let promise = opened.get(key);
  if (!promise) {
    promise = openBundle(source, env, options.client);
    opened.set(key, promise);
    promise.catch(() => opened.delete(key));
  }
  return promise;
}

// secrets is open with its defaults: the Secrets of this function, opened once in a process.
function secrets() {
  return open();
}

// wrap returns handler with sealift's canary answered before it: the event
// {"sealift.dev/canary":"1"} gets {"sealift.dev/canary":{"bid":"BUNDLE ID"}}, or the error with
// which the bundle does not open, and never reaches handler. Every other event does, with all
// other arguments, and what handler returns is returned. options are those of open.
function wrap(handler, options) {
  if (typeof handler !== 'function') throw new TypeError('sealift: wrap wants a handler, which is a function');
  if (handler[STREAMING]) throw new TypeError('sealift: wrap does not take a handler that streams its response');
  return function wrapped(event, ...rest) {
    return isCanary(event) ? answerCanary(options) : handler.call(this, event, ...rest);
  };
}

async function answerCanary(options) {
  const { bundleId } = await open(options);
  return { [CANARY]: { bid: bundleId } };
}

function isCanary(event) {
  if (event === null || typeof event !== 'object' || Array.isArray(event)) return false;
  const names = Object.keys(event);
  return names.length === 1 && names[0] === CANARY && event[CANARY] === '1';
}

// locate finds the bundle: a path that the function's code gives as an absolute one, the one
// that SEALIFT_BUNDLE names, the text in SEALIFT_BUNDLE, or a file of the package.
function locate(given, env) {
  if (given && path.isAbsolute(given)) return { file: path.normalize(given) };
  const set = env[BUNDLE_VARIABLE];
  if (set?.startsWith('/')) return { file: set };
  if (set) return { text: set };
  return { file: path.resolve(env.LAMBDA_TASK_ROOT || '.', given || DEFAULT_PATH) };
}

async function openBundle(source, env, client) {
  const bundle = parseBundle(source.file === undefined ? Buffer.from(source.text) : readBundle(source.file));
  const self = checkConsumer(bundle, env);
  const dataKey = await unwrap(client ?? defaultClient(self), bundle, self);
  try {
    return new Secrets(decrypt(bundle, dataKey), bundle.id.toString('base64url'));
  } finally {
    dataKey.fill(0);
  }
}

// readBundle returns one byte more than a bundle may have, for parseBundle to see.
function readBundle(file) {
  let fd;
  try {
    fd = fs.openSync(file, 'r');
    const data = Buffer.alloc(MAX_BUNDLE_SIZE + 1);
    let size = 0;
    for (let n = -1; n !== 0 && size < data.length; size += n) {
      n = fs.readSync(fd, data, size, data.length - size, null);
    }
    return data.subarray(0, size);
  } catch (err) {
    if (err.code === 'ENOENT') {
      throw new SealiftError('E_MISSING', `there is no bundle at ${file}; write it with sealift apply`);
    }
    throw new SealiftError('E_MISSING', `the bundle at ${file} can't be read; check what it is and its permissions`);
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function malformed(cause) {
  return new SealiftError('E_FORMAT', `malformed bundle: ${cause}; write the bundle again with sealift apply`);
}

// parseBundle takes a bundle apart: length, dots, base64url, header, in this order.
function parseBundle(data) {
  if (data.length > MAX_BUNDLE_SIZE) throw malformed(`over ${MAX_BUNDLE_SIZE} bytes`);
  const text = data.toString('latin1');
  const dots = text.split('.').length - 1;
  if (dots !== 4) throw malformed(`${dots} dots where a compact JWE has 4`);
  const parts = text.split('.');
  if (parts[0].length > MAX_HEADER_SIZE) throw malformed(`header over ${MAX_HEADER_SIZE} characters`);
  const [header, key, iv, ciphertext, tag] = ['header', 'encrypted key', 'initialisation vector', 'ciphertext', 'tag'].map((name, i) => {
    const raw = decodeBase64(parts[i]);
    if (!raw) throw malformed(`${name} is not canonical base64url`);
    return raw;
  });
  if (iv.length !== 12) throw malformed(`initialisation vector of ${iv.length} bytes, not 12`);
  if (tag.length !== 16) throw malformed(`tag of ${tag.length} bytes, not 16`);
  return { ...parseHeader(header, key), aad: Buffer.from(parts[0], 'latin1'), iv, ciphertext, tag };
}

// decodeBase64 returns undefined unless text is base64url without padding in its one canonical
// spelling. Node decodes much else too, hence the second half.
function decodeBase64(text) {
  const raw = Buffer.from(text, 'base64url');
  return raw.toString('base64url') === text ? raw : undefined;
}

// parseHeader accepts a header that equals its own RFC 8785 serialisation, which leaves no room
// for unknown, repeated, misspelt or missing members, nor for what is not UTF-8: Buffer decodes
// that to replacement characters, which are other bytes. A TextDecoder costs a cold start more.
function parseHeader(raw, encryptedKey) {
  let h;
  try {
    h = JSON.parse(raw.toString());
  } catch {
    throw malformed('header is not the JSON of a bundle');
  }
  const k = h?.keys?.[0];
  const texts = [h?.alg, h?.bid, h?.cmt, h?.enc, h?.fn, k?.edk, k?.kid, h?.src, h?.typ];
  if (texts.some((text) => typeof text !== 'string')) throw malformed('header is not the JSON of a bundle');
  if (h.typ !== 'sealift-bundle+jwe') throw malformed('typ is not sealift-bundle+jwe');
  if (h.v !== 1) throw malformed('v is not 1');
  if (h.alg !== 'dir') throw malformed('alg is not dir');
  if (h.enc !== 'A256GCM') throw malformed('enc is not A256GCM');
  if (h.keys.length !== 1) throw malformed(`${h.keys.length} entries in keys, not 1`);
  if (!KEY_ARN.test(k.kid)) throw malformed('kid is not the ARN of a KMS key');
  const canonical = JSON.stringify({
    alg: h.alg, bid: h.bid, cmt: h.cmt, enc: h.enc, fn: h.fn, keys: [{ edk: k.edk, kid: k.kid }], src: h.src, typ: h.typ, v: h.v,
  });
  if (!Buffer.from(canonical).equals(raw)) {
    throw malformed('header has unknown, repeated or misspelt members, or is not in RFC 8785 form');
  }
  if (encryptedKey.length !== 0) throw malformed('encrypted key is not empty, as dir wants it');
  if (!CONSUMER.test(h.fn)) throw malformed('fn is not a region and a function name');
  const id = decodeBase64(h.bid);
  if (id?.length !== 16) throw malformed('bid is not canonical base64url of 16 bytes');
  const commitment = decodeBase64(h.cmt);
  if (commitment?.length !== 32) throw malformed('cmt is not canonical base64url of 32 bytes');
  if (decodeBase64(h.src)?.length !== 32) throw malformed('src is not canonical base64url of 32 bytes');
  const wrapped = decodeBase64(k.edk);
  if (!wrapped?.length || wrapped.length > MAX_WRAPPED_KEY) {
    throw malformed(`edk is not canonical base64url of 1 to ${MAX_WRAPPED_KEY} bytes`);
  }
  return { fn: h.fn, id, commitment, keyId: k.kid, wrapped };
}

// checkConsumer returns who this function is, from what the Lambda runtime sets.
function checkConsumer(bundle, env) {
  const self = { region: env.AWS_REGION, fn: env.AWS_LAMBDA_FUNCTION_NAME };
  if (!self.region || !self.fn) {
    throw new SealiftError('E_CONTEXT', 'AWS_REGION or AWS_LAMBDA_FUNCTION_NAME is not set; Lambda sets both');
  }
  if (bundle.fn !== `${self.region}/${self.fn}`) {
    throw new SealiftError('E_CONTEXT', `bundle sealed for ${bundle.fn}, used by ${self.region}/${self.fn}; deploy this function's own bundle`);
  }
  return self;
}

function defaultClient(self) {
  let KMS;
  try {
    ({ KMS } = require('@aws-sdk/client-kms'));
  } catch {
    throw new SealiftError('E_KMS_STATE', "KMS can't be called: @aws-sdk/client-kms is not installed beside the function");
  }
  return new KMS({ region: self.region, maxAttempts: 1 });
}

// unwrap returns the bundle's data key, which its caller wipes. It calls KMS up to TRIES times,
// while that fails with what another try can cure and there is time left.
async function unwrap(client, bundle, self) {
  const input = {
    KeyId: bundle.keyId,
    CiphertextBlob: bundle.wrapped,
    EncryptionContext: { 'sealift:use': 'bundle', 'sealift:fn': self.fn, 'sealift:region': self.region },
  };
  const deadline = performance.now() + TOTAL_TIMEOUT;
  for (let n = 1; ; n++) {
    try {
      const left = deadline - performance.now();
      const answer = await within(Math.min(left, TRY_TIMEOUT), (abortSignal) => client.decrypt(input, { abortSignal }));
      return answer?.Plaintext ?? new Uint8Array();
    } catch (err) {
      const verdict = classify(err);
      const pause = Math.random() * FIRST_BACKOFF * 2 ** (n - 1);
      if (verdict !== 'wait' || n === TRIES || performance.now() + pause >= deadline) {
        throw kmsFailed(verdict, bundle.keyId, self);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

class TimedOut extends Error {}

// within gives work an AbortSignal and rejects with TimedOut when it has not settled after so
// many milliseconds, whether it heeds the signal or not.
async function within(milliseconds, work) {
  const abort = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new TimedOut());
    }, milliseconds);
  });
  try {
    return await Promise.race([work(abort.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

const WAIT = new Set([
  'ThrottlingException', 'Throttling', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException',
  'TooManyRequestsException', 'RequestLimitExceeded', 'LimitExceededException', 'SlowDown', 'PriorRequestNotComplete',
  'KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException',
  'InternalFailure', 'InternalError', 'InternalServerError', 'InternalServerException',
  'ServiceUnavailable', 'ServiceUnavailableException', 'RequestTimeout', 'RequestTimeoutException',
]);
const DENIED = new Set([
  'AccessDeniedException', 'AccessDenied', 'NotAuthorized', 'OptInRequired', 'InvalidGrantTokenException',
  'UnrecognizedClientException', 'InvalidClientTokenId', 'MissingAuthenticationToken', 'MissingAuthenticationTokenException',
  'ExpiredToken', 'ExpiredTokenException', 'InvalidSignatureException', 'SignatureDoesNotMatch',
  'IncompleteSignature', 'IncompleteSignatureException', 'RequestExpired',
]);
const INVALID = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);
const NETWORK = new Set(['TimeoutError', 'AbortError']);

// classify says what an error of client.decrypt means: wait (throttled, failing or not
// answering), denied, state (the key or the call is wrong), invalid (key, encryption context and
// wrapped key do not belong together) or silent (no answer of KMS, not for want of time).
function classify(err) {
  if (WAIT.has(err?.name)) return 'wait';
  if (DENIED.has(err?.name)) return 'denied';
  if (INVALID.has(err?.name)) return 'invalid';
  const status = err?.$metadata?.httpStatusCode;
  if (status === 429 || status >= 500) return 'wait';
  if (status !== undefined) return 'state';
  if (err instanceof TimedOut || NETWORK.has(err?.name) || typeof err?.syscall === 'string' || err?.code === 'ECONNRESET') return 'wait';
  return 'silent';
}

function kmsFailed(verdict, keyId, self) {
  switch (verdict) {
    case 'denied':
      return new SealiftError('E_KMS_DENIED', `KMS denied the call; grant the function's role kms:Decrypt on ${keyId} ` +
        `with the encryption context sealift:fn=${self.fn}, sealift:region=${self.region}, sealift:use=bundle`);
    case 'state':
      return new SealiftError('E_KMS_STATE', `KMS refused the call; check that ${keyId} exists, is enabled and encrypts symmetrically`);
    case 'invalid':
      return authFailed();
    case 'silent':
      return new SealiftError('E_KMS_BUSY', `KMS was not reached for Decrypt on ${keyId}; check the function's credentials, network and endpoint`);
    default:
      return new SealiftError('E_KMS_BUSY', `KMS did not answer Decrypt on ${keyId} in time, or throttled it, in every try; ` +
        "check its quota and the function's route to KMS");
  }
}

function authFailed() {
  return new SealiftError('E_AUTH', 'the bundle does not open: its key, header or ciphertext is not what it was sealed with; ' +
    'write it again with sealift apply');
}

// decrypt checks the key commitment, then the tag, and returns the secrets as an object without
// a prototype. All of its failures look the same.
function decrypt(bundle, dataKey) {
  if (dataKey.length !== 32) throw authFailed();
  const derive = (info) => Buffer.from(crypto.hkdfSync('sha256', dataKey, bundle.id, info, 32));
  if (!crypto.timingSafeEqual(derive('sealift/bundle/1 commit'), bundle.commitment)) throw authFailed();
  const contentKey = derive('sealift/bundle/1 cek');
  let payload;
  try {
    // Without authTagLength Node.js accepts tags as short as four bytes.
    const gcm = crypto.createDecipheriv('aes-256-gcm', contentKey, bundle.iv, { authTagLength: 16 });
    gcm.setAAD(bundle.aad);
    gcm.setAuthTag(bundle.tag);
    payload = gcm.update(bundle.ciphertext); // all of it: GCM holds nothing back for final
    gcm.final();
    return parsePayload(payload);
  } catch {
    throw authFailed();
  } finally {
    contentKey.fill(0);
    payload?.fill(0);
  }
}

// parsePayload accepts a payload that equals its own RFC 8785 serialisation.
function parsePayload(payload) {
  const object = JSON.parse(payload.toString());
  const values = Object.create(null);
  for (const name of Object.keys(object).sort()) {
    const text = object[name];
    if (!SECRET_NAME.test(name) || typeof text !== 'string' || !isUnicode(text)) throw authFailed();
    values[name] = text;
  }
  if (!Buffer.from(JSON.stringify(values)).equals(payload)) throw authFailed();
  return values;
}

// isUnicode says whether text has no lone surrogate, which UTF-8 can't hold.
function isUnicode(text) {
  return Buffer.from(text).toString() === text;
}

exports.open = open;
exports.secrets = secrets;
exports.wrap = wrap;
exports.SealiftError = SealiftError;
