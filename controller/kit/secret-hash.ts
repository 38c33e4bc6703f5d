import { createHash } from 'node:crypto';

/** `Placement.spec.secretHash`: SHA-256 in hex of a Secret's `data` (values in base64), whatever the order of its keys. */
export function secretHash(data: Record<string, string>): string {
  const hash = createHash('sha256');
  for (const key of Object.keys(data).sort()) hash.update(`${key}\0${data[key]}\0`);
  return hash.digest('hex');
}
