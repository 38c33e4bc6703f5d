import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CommandContext } from '../../command.ts';
import { CliError, EXIT } from '../../errors.ts';
import { describeGitFailure, GitError } from '../../git/git-error.ts';
import { askGit, runGit } from '../../git/run-git.ts';
import { step } from '../../output/steps.ts';
import type { Resolved } from './resolve-repository.ts';

/** Whether the folder is a clone of that already. Throws CliError when there is something else in it. */
export async function checkCloneTarget(
  dir: string,
  urls: string[],
  context: CommandContext,
): Promise<boolean> {
  const cwd = resolve(context.io.cwd, dir);
  const names = await readdir(cwd).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CliError(`cannot clone into ${dir}: ${error.message}`, { next: '--clone DIR of a new folder' });
  });
  if (names.length === 0) return false;
  const isOwn = (await askGit(['rev-parse', '--show-cdup'], context, { cwd })) === undefined;
  const origin = isOwn ? await askGit(['remote', 'get-url', 'origin'], context, { cwd }) : undefined;
  if (origin !== undefined && urls.includes(origin)) return true;
  throw new CliError(`${dir} is there and holds something else`, {
    exitCode: EXIT.conflict,
    next: '--clone DIR of a new folder',
  });
}

/** Clones to this machine, with the fork's original as the remote upstream. Throws CliError. */
export async function cloneHere(
  dir: string,
  { url, upstream, login }: Pick<Resolved, 'url' | 'upstream' | 'login'>,
  ref: string | undefined,
  context: CommandContext,
): Promise<void> {
  const cwd = resolve(context.io.cwd, dir);
  const branch = ref === undefined ? [] : ['--branch', ref];
  await step(
    context,
    `cloning to ${dir}`,
    () => `cloned to ${dir}`,
    async () => {
      try {
        await runGit(['clone', '-q', '--recurse-submodules', ...branch, '--', url, cwd], context, {
          timeoutMs: 3_600_000,
          ...(login && { login }),
        });
      } catch (error) {
        throw error instanceof GitError ? describeGitFailure(url, error) : error;
      }
      if (upstream !== undefined) await runGit(['remote', 'add', 'upstream', upstream], context, { cwd });
    },
  );
}
