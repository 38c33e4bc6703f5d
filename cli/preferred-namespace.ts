import { join } from 'node:path';

// Not imported: that would read every export of node:fs, and with it load file watching and more, 5 ms for nothing.
const { readFileSync } = process.getBuiltinModule('node:fs');

/**
 * The namespace that `nexus config set namespace` set. Read by itself, since most commands want no other preference. A
 * file that cannot be read is none: `nexus config` tells what is wrong with it.
 */
export function preferredNamespace(home: string): string | undefined {
  try {
    const { namespace } = JSON.parse(readFileSync(join(home, 'config.json'), 'utf8'));
    return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
  } catch {
    return undefined;
  }
}
