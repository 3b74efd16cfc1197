// What sealift.mjs exports beside open: wrap, secrets, and the id of a bundle.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as reader from '../sealift.mjs';

const { open, wrap, SealiftError } = reader;
const vector = JSON.parse(fs.readFileSync(new URL('../../vectors/valid-one-secret.json', import.meta.url), 'utf8'));
const bid = JSON.parse(Buffer.from(vector.bundle.split('.')[0], 'base64url')).bid;
const client = { decrypt: async () => ({ Plaintext: new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex')) }) };
const options = { env: { ...vector.environment, SEALIFT_BUNDLE: vector.bundle }, client };
const canary = () => ({ 'sealift.dev/canary': '1' });

test('both kinds of module are the same', () => {
  const required = createRequire(import.meta.url)('../sealift.cjs');
  assert.deepEqual(Object.keys(reader).sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(reader[name], required[name]);
});

test('the bundle in the environment has its id', async () => {
  const secrets = await open(options);
  assert.equal(secrets.bundleId, bid);
  assert.equal(secrets.get('DB_PASSWORD'), vector.secrets.DB_PASSWORD);
  assert.throws(() => { secrets.bundleId = 'x'; }, TypeError);
});

test('another function and another bundle are opened anew', async () => {
  const first = await open(options);
  assert.equal(await open(options), first);
  await assert.rejects(open({ ...options, env: { ...options.env, AWS_LAMBDA_FUNCTION_NAME: 'other' } }), { code: 'E_CONTEXT' });
  await assert.rejects(open({ ...options, env: { ...options.env, SEALIFT_BUNDLE: vector.bundle.slice(0, -1) } }), { code: 'E_FORMAT' });
});

test('the canary is answered, and the handler is not called', async () => {
  const handler = wrap(() => assert.fail('the handler was called'), options);
  assert.deepEqual(await handler(canary(), {}), { 'sealift.dev/canary': { bid } });
  assert.deepEqual(await handler(JSON.parse(JSON.stringify(canary())), {}), { 'sealift.dev/canary': { bid } });
});

test('the canary fails with what open fails with', async () => {
  const denied = { decrypt: async () => { throw Object.assign(new Error('secret'), { name: 'AccessDeniedException' }); } };
  const handler = wrap(() => assert.fail('the handler was called'), { env: { ...options.env, SEALIFT_BUNDLE: vector.bundle }, client: denied, path: '/nowhere' });
  await assert.rejects(handler(canary()), (err) => err instanceof SealiftError && err.code === 'E_MISSING');
  const other = wrap(() => assert.fail('the handler was called'), { env: { ...options.env, AWS_REGION: 'eu-west-1' }, client: denied });
  await assert.rejects(other(canary()), { code: 'E_CONTEXT' });
});

test('every other event goes to the handler untouched', () => {
  const events = [
    undefined, null, '1', 1, true, [], {}, [['sealift.dev/canary', '1']], ['sealift.dev/canary'],
    { 'sealift.dev/canary': 1 }, { 'sealift.dev/canary': '2' }, { 'sealift.dev/canary': ['1'] }, { 'sealift.dev/canary': null },
    { 'Sealift.dev/canary': '1' }, { ...canary(), more: undefined }, Object.create(canary()), { Records: [canary()] },
  ];
  for (const event of events) {
    const before = JSON.stringify(event);
    const seen = [];
    const handler = wrap(function (...args) { seen.push(this, ...args); return 'answer'; }, { path: '/nowhere' });
    const self = { handler };
    const callback = () => {};
    assert.equal(self.handler(event, 'context', callback), 'answer', before);
    assert.equal(seen[0], self);
    assert.equal(seen[1], event);
    assert.deepEqual(seen.slice(2), ['context', callback]);
    assert.equal(JSON.stringify(event), before);
  }
});

test('a wrapped handler declares no callback, and its errors pass', async () => {
  assert.ok(wrap(async () => {}).length < 3); // Node.js 24 refuses handlers with three parameters
  await assert.rejects(wrap(async () => { throw new RangeError('x'); })({}), RangeError);
});

test('what is no handler is refused at once', () => {
  assert.throws(() => wrap(undefined), { name: 'TypeError', message: 'sealift: wrap wants a handler, which is a function' });
  const streaming = Object.assign(async () => {}, { [Symbol.for('aws.lambda.runtime.handler.streaming')]: 'response' });
  assert.throws(() => wrap(streaming), { name: 'TypeError', message: 'sealift: wrap does not take a handler that streams its response' });
});

test('secrets() opens the bundle of this process once, and leaves its environment alone', () => {
  const program = `
    import Module from 'node:module';
    let made = 0;
    Module._load = ((load) => function (name, ...rest) {
      if (name !== '@aws-sdk/client-kms') return load.call(this, name, ...rest);
      made++;
      return { KMS: class { async decrypt() { return { Plaintext: Buffer.from('${vector.kms.plaintext}', 'hex') }; } } };
    })(Module._load);
    const { secrets, wrap } = await import('${new URL('../sealift.mjs', import.meta.url)}');
    const before = JSON.stringify(process.env);
    const [a, b] = await Promise.all([secrets(), secrets()]);
    const answer = await wrap(() => {})({ 'sealift.dev/canary': '1' });
    console.log(JSON.stringify({ same: a === b, made, value: a.get('DB_PASSWORD'), answer, untouched: before === JSON.stringify(process.env) }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8', env: options.env, cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), {
    same: true, made: 1, value: vector.secrets.DB_PASSWORD, answer: { 'sealift.dev/canary': { bid } }, untouched: true,
  });
});
