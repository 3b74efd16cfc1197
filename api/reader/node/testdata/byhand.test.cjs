'use strict';

// Opens what SPEC.md shows, from SPEC.md's words and with node:crypto alone: a third hand beside
// the Go and the Node reader, which shares no code with them.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const api = path.join(__dirname, '../../..');
const lines = fs.readFileSync(path.join(api, 'SPEC.md'), 'utf8').split('\n').filter((line) => line.startsWith('    ')).map((line) => line.trim());
const vector = (file) => JSON.parse(fs.readFileSync(path.join(api, file), 'utf8'));
const decode = (text) => Buffer.from(text, 'base64url');

function gcm(key, [header, , iv, ciphertext, tag]) {
  const cipher = crypto.createDecipheriv('aes-256-gcm', key, decode(iv), { authTagLength: 16 });
  cipher.setAAD(Buffer.from(header, 'ascii')).setAuthTag(decode(tag));
  return cipher.update(ciphertext, 'base64url', 'utf8') + cipher.final('utf8');
}

test('the bundle', () => {
  const dataKey = Buffer.from(lines.find((line) => /^[0-9a-f]{64}$/.test(line)), 'hex');
  const parts = lines.find((line) => /^eyJ[\w-]+\.\.[\w-]{16}\./.test(line)).split('.');
  const header = JSON.parse(decode(parts[0]));
  const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
  const prk = hmac(decode(header.bid), dataKey); // HKDF-Extract, RFC 5869 section 2.2
  const expand = (info) => hmac(prk, Buffer.concat([Buffer.from(info), Buffer.of(1)])); // one block of section 2.3
  assert.equal(expand('sealift/bundle/1 commit').toString('base64url'), header.cmt);
  assert.deepEqual(JSON.parse(gcm(expand('sealift/bundle/1 cek'), parts)), { DB_PASSWORD: 'correct horse battery staple' });
  assert.equal(header.fn, 'us-east-2/hello');
});

test('the sealed value', () => {
  const { kms, plaintext } = vector('envelope/testdata/vectors/valid-offline-3072.json');
  const parts = lines.find((line) => line.startsWith('sealift.v1:')).slice('sealift.v1:'.length).split('.');
  const header = JSON.parse(decode(parts[0]));
  const spki = crypto.createPublicKey(kms.privateKey).export({ type: 'spki', format: 'der' });
  assert.equal(crypto.createHash('sha256').update(spki).digest('base64url'), header.pk);
  const contentKey = crypto.privateDecrypt({ key: kms.privateKey, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, decode(parts[1]));
  assert.equal(gcm(contentKey, parts), plaintext);
});

test('the digests of sources', () => {
  for (const { source: s, digest } of vector('envelope/testdata/source-digests.json')) {
    const sealed = Object.keys(s.sealed).sort().map((name) => [name, s.sealed[name]]);
    const json = JSON.stringify({ bundleKey: s.bundleKey, delivery: s.delivery, format: s.format, function: s.function, path: s.path, region: s.region, sealed });
    assert.equal(crypto.createHash('sha256').update(json).digest('base64url'), digest);
  }
});
