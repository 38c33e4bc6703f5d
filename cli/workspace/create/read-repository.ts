import type { CommandContext } from '../../command.ts';
import { findRef, withRemoteTree } from '../../git/read-remote.ts';
import type { GitOptions } from '../../git/run-git.ts';
import { CONFIG_OF_EMPTY, type ConfigText, configOfFile, configOfTree } from './read-config.ts';

export interface ReadRequest {
  url: string;
  /** Branch, tag or commit; absent: the default branch. */
  ref?: string | undefined;
  /** A file of this machine in place of the repository's configuration. */
  from?: string | undefined;
  login?: GitOptions['login'] | undefined;
}

export interface ReadRepository {
  config: ConfigText;
  /** For Workspace.spec.repo.ref; absent: the default branch. */
  ref?: string;
  /** For people: the branch, tag or commit. */
  at?: string;
  /** Absent: the repository is empty, or it was not looked into. */
  commit?: string;
}

/** Reads a repository's configuration at a ref, without a clone. Throws CliError. */
export async function readRepository(
  { url, ref, from, login }: ReadRequest,
  context: CommandContext,
): Promise<ReadRepository> {
  const given = from === undefined ? undefined : await configOfFile(from, context);
  const source = { url, ...(ref !== undefined && { ref }), ...(login && { login }) };
  const { ref: found, defaultBranch } = await findRef(source, context);
  const at = ref ?? defaultBranch;
  const facts = {
    ...(ref !== undefined && ref !== defaultBranch && { ref }),
    ...(at !== undefined && { at }),
    ...(found?.commit !== undefined && { commit: found.commit }),
  };
  if (given) return { config: given, ...facts };
  if (!found) return { config: CONFIG_OF_EMPTY, ...facts };
  return withRemoteTree(source, found, context, async tree => ({
    ...facts,
    config: await configOfTree(tree),
    commit: tree.commit,
  }));
}
