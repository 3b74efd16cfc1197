'use strict';

// Opens bundles with the Node reader, one after another: a line of JSON on standard input
// each, a line of JSON on standard output each.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const { open, SealiftError } = require(path.resolve('node/sealift.cjs'));

function failure(name) {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } });
}

const sorted = (object) => JSON.stringify(Object.entries(object).sort());

async function answer({ bundle, environment, kms }, file) {
  fs.writeFileSync(file, Buffer.from(bundle, 'base64'));
  let kmsCalls = 0;
  const client = {
    async decrypt(input) {
      kmsCalls++;
      if (input.KeyId !== kms.keyId) throw failure('IncorrectKeyException');
      const blob = Buffer.from(input.CiphertextBlob).toString('base64url');
      if (blob !== kms.ciphertextBlob || sorted(input.EncryptionContext) !== sorted(kms.encryptionContext)) {
        throw failure('InvalidCiphertextException');
      }
      return { Plaintext: new Uint8Array(Buffer.from(kms.plaintext, 'hex')) };
    },
  };
  try {
    const opened = await open({ path: file, env: environment, client });
    return { result: 'ok', kmsCalls, secrets: opened.names().map((name) => [name, opened.get(name)]) };
  } catch (err) {
    return { result: err instanceof SealiftError ? err.code : `not a SealiftError: ${err}`, kmsCalls, secrets: [] };
  } finally {
    fs.rmSync(file);
  }
}

async function main() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sealift-serve-'));
  try {
    let n = 0; // what was opened is remembered by its path
    for await (const line of readline.createInterface({ input: process.stdin })) {
      process.stdout.write(JSON.stringify(await answer(JSON.parse(line), path.join(scratch, `bundle${n++}`))) + '\n');
    }
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

main();
