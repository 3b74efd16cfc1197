// The same for CommonJS, as far as it differs.
import reader = require('./sealift.cjs');
import packaged = require('@sealift/reader');

export const handler = reader.wrap(async (event: unknown) => JSON.stringify(event));
export const name: Promise<string> = packaged.open({ path: '/opt/sealed-config.jwe' }).then((config) => config.get('A'));
