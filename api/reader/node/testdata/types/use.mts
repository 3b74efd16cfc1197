// Uses every exported name as a TypeScript function would. It is compiled, not run.
import { open, secrets, wrap, SealiftError, type Secrets, type KMSClient } from './sealift.mjs';
import * as packaged from '@sealift/reader';

const client: KMSClient = { decrypt: async (input) => ({ Plaintext: input.CiphertextBlob }) };
const config: Secrets = await secrets();
const password: string = config.get('DB_PASSWORD');
const names: string[] = config.names();
const id: string = (await open({ client, path: 'a.jwe', env: { AWS_REGION: undefined } })).bundleId;

export const handler = wrap(async (event: { n: number }, context: { awsRequestId: string }) => ({ n: event.n, id: context.awsRequestId }), { client });
export const plain = packaged.wrap((event: string) => event.length);

try {
  await handler({ n: 1 }, { awsRequestId: password + names.join() + id });
} catch (err) {
  if (err instanceof SealiftError && err.code === 'E_MISSING') throw err;
}

// @ts-expect-error a secret has a name
config.get();
// @ts-expect-error no such code
if (new SealiftError('E_AUTH', 'x').code === 'E_NOPE') throw id;
// @ts-expect-error the event of the handler is an object
await handler('x', { awsRequestId: 'x' });
