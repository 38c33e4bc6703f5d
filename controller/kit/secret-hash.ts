import { digest } from './hash.ts';

/** `Placement.spec.secretHash`: digest of a Secret's `data` (values in base64), whatever the order of its keys. */
export function secretHash(data: Record<string, string> | undefined): string {
  return digest(data ?? {});
}
