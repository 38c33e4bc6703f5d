import { readlinkSync } from 'node:fs';

/** Names the network of this process: an address means the same to processes of one machine where this is equal. */
export function networkNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/net');
  } catch {
    // No Linux: there is one.
    return '';
  }
}
