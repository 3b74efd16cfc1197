'use strict';

// Measures what the reader costs a process that has done nothing before. The bundle is made in
// another process, so that node:crypto is as cold as in a function.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const vector = JSON.parse(fs.readFileSync(path.join(__dirname, '../../vectors/valid-one-secret.json'), 'utf8'));

// seal prints a bundle with the header of the vector and another payload.
function seal() {
  const crypto = require('node:crypto');
  const [header, , iv] = vector.bundle.split('.');
  const { bid } = JSON.parse(Buffer.from(header, 'base64url'));
  const key = crypto.hkdfSync('sha256', Buffer.from(vector.kms.plaintext, 'hex'), Buffer.from(bid, 'base64url'), 'sealift/bundle/1 cek', 32);
  const gcm = crypto.createCipheriv('aes-256-gcm', Buffer.from(key), Buffer.from(iv, 'base64url')).setAAD(Buffer.from(header));
  const ciphertext = Buffer.concat([gcm.update(`{"S":"${'x'.repeat(2462)}"}`), gcm.final()]);
  process.stdout.write([header, '', iv, ciphertext.toString('base64url'), gcm.getAuthTag().toString('base64url')].join('.'));
}

async function measure() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sealift-coldstart-'));
  const bundle = execFileSync(process.execPath, [__filename, 'seal']);
  fs.writeFileSync(path.join(folder, 'sealed-config.jwe'), bundle);
  const plaintext = new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex'));
  const before = performance.now();
  require('node:crypto');
  const start = performance.now();
  const { open } = require('../sealift.cjs');
  const loaded = performance.now();
  await open({ env: { ...vector.environment, LAMBDA_TASK_ROOT: folder }, client: { decrypt: async () => ({ Plaintext: plaintext }) } });
  const end = performance.now();
  fs.rmSync(folder, { recursive: true });
  process.stdout.write(JSON.stringify({ Size: bundle.length, Crypto: start - before, Load: loaded - start, Open: end - loaded }));
}

if (process.argv[2] === 'seal') seal();
else measure();
