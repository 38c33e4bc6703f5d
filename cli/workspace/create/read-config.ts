import { CONFIG_PATH } from '../../../controller/repo-config/config-schema.ts';
import { detectConfig } from '../../../controller/repo-config/detect.ts';
import { readRepoConfig } from '../../../controller/repo-config/read-repo-config.ts';
import type { Finding, RepoConfig } from '../../../controller/repo-config/repo-config.ts';
import type { CommandContext } from '../../command.ts';
import { CliError } from '../../errors.ts';
import { decideOverTree, type RemoteTree } from '../../git/read-remote.ts';
import { readConfigFile } from '../../read-config-file.ts';

/** The text of a configuration and where it was found. */
export interface ConfigText {
  text: string;
  /** For `file:line:column`. */
  path: string;
  /** As in `.nexus/config.yaml`, `what its files tell`. */
  from: string;
  /** What there is to say about it, a line each. */
  notes: string[];
}

/** Of a file of this machine. Throws CliError. */
export async function configOfFile(path: string, context: CommandContext): Promise<ConfigText> {
  return { text: await readConfigFile(path, context), path, from: path, notes: [] };
}

/** The repository's own, else one made of what is in the repository, with the reasons for it. Throws CliError. */
export async function configOfTree(tree: RemoteTree): Promise<ConfigText> {
  const notes: string[] = [];
  if (tree.has('.gitmodules')) notes.push('note: it has submodules; they are cloned too');
  if ((await tree.read('.gitattributes'))?.includes('filter=lfs'))
    notes.push('note: it keeps files in Git LFS; an image without git-lfs gets pointers in their place');
  const text = await tree.read(CONFIG_PATH);
  if (text !== undefined) return { text, path: CONFIG_PATH, from: CONFIG_PATH, notes };
  const detected = await decideOverTree(tree, files => detectConfig(files));
  return {
    text: detected.text,
    path: 'what was detected',
    from: 'what its files tell',
    notes: [
      ...notes,
      `note: there is no ${CONFIG_PATH}; this is what its files tell:`,
      ...detected.reasons.map(reason => `  ${reason}`),
      '  `nexus init` in the repository writes it down, to be corrected and committed.',
    ],
  };
}

/** Of a repository without a commit. */
export const CONFIG_OF_EMPTY: ConfigText = {
  text: '',
  path: CONFIG_PATH,
  from: 'it is empty',
  notes: ['note: the repository is empty: a bare workspace; commit and push from there'],
};

/** Throws CliError after telling everything that is wrong, with line and column. */
export function parseConfig({ text, path }: ConfigText, context: CommandContext): RepoConfig {
  const { config, problems, warnings } = readRepoConfig(text);
  const told = ({ line, column, message }: Finding) => `${path}:${line}:${column}: ${message}`;
  for (const warning of warnings) context.note(`warning: ${told(warning)}`);
  for (const problem of problems) context.note(told(problem));
  if (config) return config;
  throw new CliError(
    `${path} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}; nothing was made`,
    { next: 'correct and push it (`nexus config validate` checks it here), or use another: --from FILE' },
  );
}
