import { createHash } from 'node:crypto';
import { stableJson } from './json.ts';

/** SHA-256 in lower-case hex of a text or bytes. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 in hex of a value as JSON, the same for equal values whatever the order of their keys. `length`: first digits only. */
export function digest(value: unknown, length = 64): string {
  return sha256(stableJson(value)).slice(0, length);
}
