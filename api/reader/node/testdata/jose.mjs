// Opens vectors with the JWE library jose, which shares no code with sealift's readers, and prints
// how many it opened and refused: node jose.mjs JOSE FOLDER

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [library, folder] = process.argv.slice(2);
const { compactDecrypt } = await import(pathToFileURL(library));

const limits = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
// Faults that a library must see too, when it is given the content key: all that touch the ciphertext.
const refused = new Set(['tag', 'ciphertext', 'iv', 'additional-data', 'iv-size', 'tag-size', 'encrypted-key']);
const count = { Opened: 0, Refused: 0 };

for (const name of fs.readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const vector = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  if (vector.result !== 'ok' && !refused.has(vector.fault)) continue;
  const header = Buffer.from(vector.bundle.split('.')[0], 'base64url').toString();
  const { bid } = JSON.parse(header || '{}');
  const contentKey = () => new Uint8Array(crypto.hkdfSync('sha256', Buffer.from(vector.kms.plaintext, 'hex'), Buffer.from(bid, 'base64url'), 'sealift/bundle/1 cek', 32));
  if (vector.result === 'ok') {
    const { plaintext, protectedHeader } = await compactDecrypt(vector.bundle, contentKey(), limits);
    const secrets = Object.entries(JSON.parse(Buffer.from(plaintext).toString('utf8')));
    assert.deepEqual(secrets, Object.entries(vector.secrets ?? {}), name);
    assert.equal(protectedHeader.typ, 'sealift-bundle+jwe', name);
    count.Opened++;
  } else if (bid) {
    await assert.rejects(compactDecrypt(vector.bundle, contentKey(), limits), name);
    count.Refused++;
  }
}
process.stdout.write(JSON.stringify(count));
