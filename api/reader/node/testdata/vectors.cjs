'use strict';

// Opens every vector of a folder with sealift.cjs and prints what came of it as JSON:
// node vectors.cjs READER FOLDER

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const [reader, folder] = process.argv.slice(2);
const { open, SealiftError } = require(path.resolve(reader));

function failure(name) {
  return Object.assign(new Error(`KMS says: ${name}, and echoes what it was sent`), { name, $metadata: { httpStatusCode: 400 } });
}

function same(a, b) {
  const sorted = (object) => JSON.stringify(Object.entries(object).sort());
  return sorted(a) === sorted(b);
}

// client is the KMS of a vector; it counts its calls.
function client(vector) {
  return {
    calls: 0,
    async decrypt(input) {
      this.calls++;
      if (vector.kmsError) throw failure(vector.kmsError);
      if (input.KeyId !== vector.kms.keyId) throw failure('IncorrectKeyException');
      const blob = Buffer.from(input.CiphertextBlob).toString('base64url');
      if (blob !== vector.kms.ciphertextBlob || !same(input.EncryptionContext, vector.kms.encryptionContext)) {
        throw failure('InvalidCiphertextException');
      }
      return { Plaintext: new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex')) };
    },
  };
}

async function run(file, scratch) {
  const vector = JSON.parse(fs.readFileSync(file, 'utf8'));
  const bundle = path.join(scratch, path.basename(file));
  fs.writeFileSync(bundle, vector.bundle + (vector.append ? vector.append.text.repeat(vector.append.times) : ''));
  const kms = client(vector);
  try {
    const secrets = await open({ path: bundle, env: vector.environment, client: kms });
    const all = Object.fromEntries([]);
    for (const name of secrets.names()) {
      Object.defineProperty(all, name, { value: secrets.get(name), enumerable: true });
    }
    return { result: 'ok', kmsCalls: kms.calls, secrets: all };
  } catch (err) {
    if (!(err instanceof SealiftError)) throw err;
    return { result: err.code, message: err.message, kmsCalls: kms.calls };
  }
}

async function main() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sealift-vectors-'));
  try {
    const files = fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
    const results = await Promise.all(files.map(async (name) => [name, await run(path.join(folder, name), scratch)]));
    process.stdout.write(JSON.stringify(Object.fromEntries(results)));
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

main();
