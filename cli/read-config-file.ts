import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CommandContext } from './command.ts';
import { CliError, EXIT } from './errors.ts';

/** A repository's configuration from a file of this machine, as text. Throws CliError. */
export async function readConfigFile(path: string, { io }: Pick<CommandContext, 'io'>): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, path), 'utf8');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CliError(
      `cannot read ${path}: ${isMissing ? 'there is no such file' : (cause as Error).message}`,
      {
        exitCode: isMissing ? EXIT.notFound : EXIT.failed,
        next: '`nexus init` writes one that fits the repository',
        cause,
      },
    );
  }
}
