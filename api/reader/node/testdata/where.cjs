'use strict';

// Lays the files of every vector of a folder below a root, opens what sealift.cjs finds there,
// and prints what came of it as JSON: node where.cjs READER FOLDER

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const [reader, folder] = process.argv.slice(2);
const readerFile = require.resolve(path.resolve(reader));

async function run(file, root) {
  delete require.cache[readerFile]; // the reader opens a bundle once in a process
  const { open, SealiftError } = require(readerFile);
  const vector = JSON.parse(fs.readFileSync(file, 'utf8').replaceAll('${ROOT}', root));
  for (const [name, text] of Object.entries(vector.files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
  }
  let KMSCalls = 0;
  const client = {
    async decrypt() {
      KMSCalls++;
      return { Plaintext: new Uint8Array(Buffer.from(vector.kms.plaintext, 'hex')) };
    },
  };
  try {
    const { bundleId } = await open({ path: vector.path, env: vector.environment, client });
    return { Result: 'ok', KMSCalls, BundleID: bundleId };
  } catch (err) {
    if (!(err instanceof SealiftError)) throw err;
    return { Result: err.code, KMSCalls, BundleID: '' };
  }
}

async function main() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sealift-where-'));
  try {
    const results = {};
    for (const name of fs.readdirSync(folder).filter((file) => file.endsWith('.json'))) {
      const root = path.join(scratch, name);
      fs.mkdirSync(root);
      results[name] = await run(path.join(folder, name), root);
    }
    process.stdout.write(JSON.stringify(results));
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

main();
