import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The namespace that `nexus config set namespace` set. Read by itself, since most commands want no other preference. A
 * file that cannot be read is none: `nexus config` tells what is wrong with it.
 */
export async function preferredNamespace(home: string): Promise<string | undefined> {
  try {
    const { namespace } = JSON.parse(await readFile(join(home, 'config.json'), 'utf8'));
    return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
  } catch {
    return undefined;
  }
}
