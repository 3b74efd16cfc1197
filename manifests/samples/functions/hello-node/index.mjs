// A Lambda function that reads one secret from its bundle: handler index.handler,
// runtime nodejs20.x or later. sealift.mjs and sealift.cjs are sealift's reader for Node.
import { secrets, wrap } from './sealift.mjs';

const config = await secrets();

export const handler = wrap(async (event) => ({
  statusCode: 200,
  body: JSON.stringify({ message: `Value of secret: "${config.get('test_data')}"`, input: event }),
}));
