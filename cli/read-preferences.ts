import { join } from 'node:path';
import type { Preferences } from './preferences.ts';

// Not imported: that would read every export of node:fs, and with it load file watching and more, 5 ms for nothing.
const { readFileSync } = process.getBuiltinModule('node:fs');

/**
 * The preferences, only to look at: without the library that writes them. A file that cannot be read holds none:
 * `nexus config` tells what is wrong with it.
 */
export function readPreferences(home: string): Partial<Preferences> {
  try {
    return JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')) ?? {};
  } catch {
    return {};
  }
}

/** The namespace that `nexus config set namespace` set. */
export function preferredNamespace(home: string): string | undefined {
  const { namespace } = readPreferences(home);
  return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
}
