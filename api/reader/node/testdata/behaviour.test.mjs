// What sealift.cjs promises beyond the vectors. Imported as ES modules import it.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { mock, test } from 'node:test';
import { inspect } from 'node:util';

import { open, SealiftError } from '../sealift.cjs';

const vector = JSON.parse(fs.readFileSync(new URL('../../vectors/valid-one-secret.json', import.meta.url), 'utf8'));
const value = vector.secrets.DB_PASSWORD;
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sealift-node-'));
test.after(() => fs.rmSync(scratch, { recursive: true }));

let number = 0;

// task makes a folder as LAMBDA_TASK_ROOT is one, and the environment of a function in it.
function task(bundle = vector.bundle) {
  const root = path.join(scratch, String(number++));
  fs.mkdirSync(root);
  if (bundle !== undefined) fs.writeFileSync(path.join(root, 'sealed-config.jwe'), bundle);
  return { ...vector.environment, LAMBDA_TASK_ROOT: root };
}

function fake(...answers) {
  const calls = [];
  return {
    calls,
    async decrypt(input, options) {
      calls.push({ input, options });
      const answer = answers[Math.min(calls.length, answers.length) - 1];
      if (answer) return answer(options);
      return { Plaintext: new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex')) };
    },
  };
}

function failing(name, status, more) {
  return () => {
    throw Object.assign(new Error(`echo of ${value}`), { name, ...(status && { $metadata: { httpStatusCode: status } }), ...more });
  };
}

const silence = ({ abortSignal }) => new Promise((_, reject) => {
  abortSignal.addEventListener('abort', () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' })));
});
const deaf = () => new Promise(() => {}); // does not heed the signal

const old = process.version.startsWith('v18.');

let clock = 0; // milliseconds that the mock clock has gone

// mockTimers starts the mock clock, until the test t ends; Node.js 18 takes a list.
function mockTimers(t) {
  mock.timers.enable(old ? ['setTimeout'] : { apis: ['setTimeout'] });
  const now = mock.method(performance, 'now', () => clock);
  t.after(() => {
    mock.timers.reset();
    now.mock.restore();
  });
}

// withClock settles promise while a mock clock runs, and returns how long that took by it.
async function withClock(promise) {
  let done = false;
  const settled = promise.finally(() => { done = true; });
  settled.catch(() => {});
  let elapsed = 0;
  for (; !done && elapsed < 60_000; elapsed += 10) {
    for (let i = 0; i < 20 && !done; i++) await new Promise(setImmediate);
    if (done) continue;
    clock += 10;
    mock.timers.tick(10);
  }
  return { promise: settled, elapsed };
}

test('opens, asks KMS once, and again only when it failed', async () => {
  const env = task();
  const client = fake();
  const [first, second] = await Promise.all([open({ env, client }), open({ env, client })]);
  assert.equal(first, second);
  assert.equal(first.get('DB_PASSWORD'), value);
  assert.deepEqual(first.names(), ['DB_PASSWORD']);
  assert.equal(client.calls.length, 1);
  assert.equal(client.calls[0].input.KeyId, vector.kms.keyId);
  assert.deepEqual({ ...client.calls[0].input.EncryptionContext }, vector.kms.encryptionContext);
  assert.deepEqual(Object.keys(client.calls[0].input).sort(), ['CiphertextBlob', 'EncryptionContext', 'KeyId']);

  const other = task();
  const recovering = fake(failing('AccessDeniedException', 400), undefined);
  await assert.rejects(open({ env: other, client: recovering }), { code: 'E_KMS_DENIED' });
  assert.equal((await open({ env: other, client: recovering })).get('DB_PASSWORD'), value);
  assert.equal(recovering.calls.length, 2);
});

test('get throws for what is not there', async () => {
  const secrets = await open({ env: task(), client: fake() });
  for (const name of ['NOPE', 'constructor', '__proto__', 'toString', '']) {
    assert.throws(() => secrets.get(name), (err) => err instanceof SealiftError && err.code === 'E_MISSING' &&
      err.message === `E_MISSING: the bundle has no secret ${JSON.stringify(name)}; add it to spec.sealed and apply`);
  }
});

test('a bundle that is not there is E_MISSING', async () => {
  const env = task();
  const absent = path.join(env.LAMBDA_TASK_ROOT, 'absent.jwe');
  await assert.rejects(open({ env, path: 'absent.jwe', client: fake() }), {
    name: 'SealiftError', message: `E_MISSING: there is no bundle at ${absent}; write it with sealift apply`,
  });
  await assert.rejects(open({ env, path: '.', client: fake() }), {
    message: `E_MISSING: the bundle at ${env.LAMBDA_TASK_ROOT} can't be read; check what it is and its permissions`,
  });
});

test('the size is checked on the whole file', async () => {
  const [header, , iv] = vector.bundle.split('.');
  const bid = Buffer.from(JSON.parse(Buffer.from(header, 'base64url')).bid, 'base64url');
  const key = crypto.hkdfSync('sha256', Buffer.from(vector.kms.plaintext, 'hex'), bid, 'sealift/bundle/1 cek', 32);
  const gcm = crypto.createCipheriv('aes-256-gcm', Buffer.from(key), Buffer.from(iv, 'base64url')).setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([gcm.update(`{"S":"${'x'.repeat(785822)}"}`), gcm.final()]);
  const largest = [header, '', iv, ciphertext.toString('base64url'), gcm.getAuthTag().toString('base64url')].join('.');
  assert.equal(largest.length, 1 << 20);
  assert.equal((await open({ env: task(largest), client: fake() })).get('S').length, 785822);
  await assert.rejects(open({ env: task(`${largest}\n`), client: fake() }), {
    message: 'E_FORMAT: malformed bundle: over 1048576 bytes; write the bundle again with sealift apply',
  });
});

test('prints as [redacted], and leaves process.env alone', async () => {
  const before = JSON.stringify(process.env);
  const secrets = await open({ env: task(), client: fake() });
  assert.equal(JSON.stringify(process.env), before);
  for (const printed of [String(secrets), `${secrets}`, JSON.stringify({ secrets }), inspect({ secrets }, { showHidden: true, depth: 9 }), inspect(secrets)]) {
    assert.match(printed, /\[redacted\]/);
    assert.ok(!printed.includes(value), printed);
  }
  assert.deepEqual(Reflect.ownKeys(secrets), []);
  assert.throws(() => structuredClone(secrets).get('DB_PASSWORD'), TypeError);
});

test('the data key is wiped', async () => {
  const plaintext = new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex'));
  await open({ env: task(), client: fake(() => ({ Plaintext: plaintext })) });
  assert.deepEqual(plaintext, new Uint8Array(32));
});

test('an answer without a data key is E_AUTH', async () => {
  for (const answer of [{}, { Plaintext: undefined }, undefined]) {
    await assert.rejects(open({ env: task(), client: fake(() => answer) }), { code: 'E_AUTH' });
  }
});

test('without an SDK it says so', async () => {
  await assert.rejects(open({ env: task() }), {
    message: "E_KMS_STATE: KMS can't be called: @aws-sdk/client-kms is not installed beside the function",
  });
});

test('the SDK is asked for one try', async () => {
  const root = path.join(scratch, 'with-sdk');
  const sdk = path.join(root, 'node_modules/@aws-sdk/client-kms');
  fs.mkdirSync(sdk, { recursive: true });
  fs.copyFileSync(new URL('../sealift.cjs', import.meta.url), path.join(root, 'sealift.cjs'));
  fs.writeFileSync(path.join(root, 'sealed-config.jwe'), vector.bundle);
  fs.writeFileSync(path.join(sdk, 'index.js'), `
    exports.configurations = [];
    exports.KMS = class {
      constructor(configuration) { exports.configurations.push(configuration); }
      async decrypt() { return { Plaintext: new Uint8Array(Buffer.from('${vector.kms.plaintext}', 'hex')) }; }
    };`);
  const require = createRequire(path.join(root, 'index.js'));
  const copy = require('./sealift.cjs');
  assert.equal(Object.keys(require.cache).some((file) => file.startsWith(sdk)), false, 'the SDK is loaded when it is needed');
  const secrets = await copy.open({ env: { ...vector.environment, LAMBDA_TASK_ROOT: root } });
  assert.equal(secrets.get('DB_PASSWORD'), value);
  assert.deepEqual(require('@aws-sdk/client-kms').configurations, [{ region: 'us-east-2', maxAttempts: 1 }]);
});

const outcomes = [
  { name: 'throttling', answer: failing('ThrottlingException', 400), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'status 500', answer: failing('UnknownError', 500), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'status 429', answer: failing('UnknownError', 429), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'status 400', answer: failing('UnknownError', 400), code: 'E_KMS_STATE', tries: 1 },
  { name: 'reset connection', answer: failing('Error', undefined, { code: 'ECONNRESET' }), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'refused connection', answer: failing('Error', undefined, { code: 'ECONNREFUSED', syscall: 'connect' }), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'time-out of the SDK', answer: failing('TimeoutError'), code: 'E_KMS_BUSY', tries: 4 },
  { name: 'no credentials', answer: failing('CredentialsProviderError'), code: 'E_KMS_BUSY', tries: 1 },
  { name: 'denied', answer: failing('AccessDeniedException', 400), code: 'E_KMS_DENIED', tries: 1 },
  { name: 'nothing thrown', answer: () => { throw undefined; }, code: 'E_KMS_BUSY', tries: 1 },
];
for (const { name, answer, code, tries } of outcomes) {
  test(`KMS: ${name}`, async (t) => {
    mockTimers(t);
    const client = fake(answer);
    const { promise } = await withClock(open({ env: task(), client }));
    await assert.rejects(promise, (err) => err instanceof SealiftError && err.code === code && !err.message.includes(value));
    assert.equal(client.calls.length, tries);
  });
}

test('KMS recovers in the fourth try', async (t) => {
  mockTimers(t);
  const client = fake(failing('ThrottlingException', 400), failing('KMSInternalException', 500), failing('TimeoutError'), undefined);
  const { promise, elapsed } = await withClock(open({ env: task(), client }));
  assert.equal((await promise).get('DB_PASSWORD'), value);
  assert.equal(client.calls.length, 4);
  assert.ok(elapsed <= 100 + 200 + 400 + 50, `took ${elapsed} ms`);
});

test('the decrypted payload is wiped, also of one that is refused', async (t) => {
  const make = crypto.createDecipheriv;
  const texts = [];
  t.mock.method(crypto, 'createDecipheriv', (...given) => {
    const gcm = make(...given);
    const update = gcm.update.bind(gcm);
    gcm.update = (data) => {
      texts.push(update(data));
      return texts.at(-1);
    };
    return gcm;
  });
  await open({ env: task(), client: fake() });
  const bad = JSON.parse(fs.readFileSync(new URL('../../vectors/payload-name-dot.json', import.meta.url), 'utf8'));
  const client = { decrypt: async () => ({ Plaintext: new Uint8Array(Buffer.from(bad.kms.plaintext, 'hex')) }) };
  await assert.rejects(open({ env: task(bad.bundle), client }), { code: 'E_AUTH' });
  assert.equal(texts.length, 2);
  for (const text of texts) assert.ok(text.length > 0 && text.every((byte) => byte === 0));
});

for (const [name, answer] of Object.entries({ silence, deaf })) {
  test(`KMS that never answers is given up within seven seconds: ${name}`, { skip: old && 'the mock clock of Node.js 18 forgets timers' }, async (t) => {
    mockTimers(t);
    const client = fake(answer);
    const { promise, elapsed } = await withClock(open({ env: task(), client }));
    await assert.rejects(promise, { code: 'E_KMS_BUSY' });
    assert.ok(elapsed >= 6000 && elapsed <= 7050, `took ${elapsed} ms`);
    assert.ok(client.calls.length === 3 || client.calls.length === 4, `${client.calls.length} tries`);
    assert.ok(client.calls.every(({ options }) => options.abortSignal.aborted));
  });
}
