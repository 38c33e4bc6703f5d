import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CONFIG_PATH } from '../controller/repo-config/config-schema.ts';
import { readRepoConfig } from '../controller/repo-config/read-repo-config.ts';
import type { Finding } from '../controller/repo-config/repo-config.ts';
import type { CommandContext } from './command.ts';
import { CliError, EXIT } from './errors.ts';

/** Tells every problem of a repository's configuration as `file:line:column: message`. Resolves with the exit code. */
export async function validateRepoConfig(path = CONFIG_PATH, context: CommandContext): Promise<number> {
  let text: string;
  try {
    text = readFileSync(resolve(context.io.cwd, path), 'utf8');
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
  const { problems, warnings } = readRepoConfig(text);
  const told = ({ line, column, message }: Finding) => `${path}:${line}:${column}: ${message}`;
  for (const warning of warnings) context.note(`warning: ${told(warning)}`);
  for (const problem of problems) context.note(told(problem));
  if (problems.length > 0) return EXIT.failed;
  context.print(`${path} is valid`);
  return EXIT.done;
}
