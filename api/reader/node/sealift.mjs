// sealift.cjs for ES modules: the same code, and one cache for both kinds of module.

import sealift from './sealift.cjs';

export const { open, secrets, wrap, SealiftError } = sealift;
