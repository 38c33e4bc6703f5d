import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OptionError } from './options.ts';
import { writeFileWhole } from './write-file.ts';

/** Options kept as JSON, by their names. Absent: none. Throws OptionError for a file that is not that. */
export function readOptionsFile(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new OptionError(`${path} is no JSON object of options; mend it or remove it`);
}

export async function writeOptionsFile(path: string, options: Record<string, unknown>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileWhole(path, `${JSON.stringify(options, null, 2)}\n`);
}
