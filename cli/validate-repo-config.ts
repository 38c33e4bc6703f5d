import { CONFIG_PATH } from '../controller/repo-config/config-schema.ts';
import { readRepoConfig } from '../controller/repo-config/read-repo-config.ts';
import type { Finding } from '../controller/repo-config/repo-config.ts';
import type { CommandContext } from './command.ts';
import { EXIT } from './errors.ts';
import { readConfigFile } from './read-config-file.ts';

/** Tells every problem of a repository's configuration as `file:line:column: message`. Resolves with the exit code. */
export async function validateRepoConfig(path = CONFIG_PATH, context: CommandContext): Promise<number> {
  const text = await readConfigFile(path, context);
  const { problems, warnings } = readRepoConfig(text);
  const told = ({ line, column, message }: Finding) => `${path}:${line}:${column}: ${message}`;
  for (const warning of warnings) context.note(`warning: ${told(warning)}`);
  for (const problem of problems) context.note(told(problem));
  if (problems.length > 0) return EXIT.failed;
  context.print(`${path} is valid`);
  return EXIT.done;
}
