// A Lambda function that reads one secret from its bundle: handler index.handler,
// runtime nodejs20.x or later. sealift.cjs is sealift's reader for Node.
import { open } from './sealift.cjs';

const secrets = await open();

export const handler = async (event) => ({
  statusCode: 200,
  body: JSON.stringify({ message: `Value of secret: "${secrets.get('test_data')}"`, input: event }),
});
