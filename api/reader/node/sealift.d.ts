// Types of sealift.cjs and sealift.mjs, the function's side of sealift in Node.js.

/** What can go wrong; sealift's api/SPEC.md says what each code means. */
export type SealiftErrorCode =
  | 'E_MISSING'
  | 'E_FORMAT'
  | 'E_CONTEXT'
  | 'E_KMS_DENIED'
  | 'E_KMS_STATE'
  | 'E_KMS_BUSY'
  | 'E_AUTH';

/** What open, secrets, get and the canary of wrap fail with. Its text says what to do and holds no secret. */
export class SealiftError extends Error {
  readonly name: 'SealiftError';
  readonly code: SealiftErrorCode;
  constructor(code: SealiftErrorCode, cause: string);
}

/** What a bundle holds. It prints as [redacted] in every way. */
export interface Secrets {
  /** The secret of that name; throws a SealiftError with the code E_MISSING where there is none. */
  get(name: string): string;
  /** The names of all secrets in ascending order. */
  names(): string[];
  /** The id of the bundle, which is no secret. */
  readonly bundleId: string;
  toString(): '[redacted]';
  toJSON(): '[redacted]';
}

/** What of a KMS client is used: a KMS of @aws-sdk/client-kms fits. It should not retry: open does. */
export interface KMSClient {
  decrypt(
    input: { KeyId: string; CiphertextBlob: Uint8Array; EncryptionContext: Record<string, string> },
    options: { abortSignal: AbortSignal },
  ): Promise<{ Plaintext?: Uint8Array | undefined }>;
}

export interface OpenOptions {
  /** Absolute: used whatever the environment says. Relative: from LAMBDA_TASK_ROOT, where SEALIFT_BUNDLE is not set. */
  path?: string | undefined;
  /** Default: a KMS of @aws-sdk/client-kms with maxAttempts: 1. */
  client?: KMSClient | undefined;
  /** Instead of process.env. */
  env?: Record<string, string | undefined> | undefined;
}

/** Opens the function's bundle, once in a process; after an error, the next call tries again. */
export function open(options?: OpenOptions): Promise<Secrets>;

/** open with its defaults. */
export function secrets(): Promise<Secrets>;

/** The answer to sealift's canary. */
export interface CanaryAnswer {
  'sealift.dev/canary': { bid: string };
}

/** Returns handler with sealift's canary, the event {"sealift.dev/canary":"1"}, answered before it. */
export function wrap<Event, Rest extends unknown[], Result>(
  handler: (event: Event, ...rest: Rest) => Result,
  options?: OpenOptions,
): (event: Event, ...rest: Rest) => Result | Promise<CanaryAnswer>;
