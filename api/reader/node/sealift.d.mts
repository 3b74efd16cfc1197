// Types of sealift.mjs, for TypeScript, which looks for them under this name.

export * from './sealift.js';
