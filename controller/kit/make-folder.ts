import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** As `mkdir -p -m 0700`. Node's own never ends where folders cannot be made, as below /proc. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const above = dirname(path);
    if (code !== 'ENOENT' || statSync(above, { throwIfNoEntry: false })) throw error;
    makeFolder(above);
    mkdirSync(path, { mode: 0o700 });
  }
}
