// Types of sealift.cjs, for TypeScript, which looks for them under this name.

export * from './sealift.js';
