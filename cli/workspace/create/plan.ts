import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';
import { CliError, EXIT } from '../../errors.ts';
import { findAuthor } from '../../git/author.ts';
import { githubHost } from '../../github/host.ts';
import { step } from '../../output/steps.ts';
import { gitSecretName } from '../git-secret.ts';
import { buildSpec, chooseName, readAsked } from './build.ts';
import { checkCloneTarget } from './clone-here.ts';
import type { CreateFlags } from './flags.ts';
import { locate, whatIsNotPushed } from './locate.ts';
import { parseConfig } from './read-config.ts';
import { type ReadRepository, readRepository } from './read-repository.ts';
import { type Resolved, resolveRepository } from './resolve-repository.ts';

/** What is to be made. */
export interface Plan {
  workspace: Workspace;
  resolved: Resolved;
  /** What is checked out; undefined: the default branch. */
  ref?: string | undefined;
  /** Where to clone to on this machine. */
  cloneTo?: string;
}

/** Reads and checks everything, and makes nothing. Throws CliError. */
export async function planWorkspace(flags: CreateFlags, context: CommandContext): Promise<Plan> {
  const asked = readAsked(flags, context.io.env);
  const located = await locate(flags.repo, githubHost(context), context);
  const { credentialsSecret, fork } = flags;
  const options = { fork, hasSecret: credentialsSecret !== undefined };
  const resolved = await resolveRepository(located, options, context);
  const found = await read(resolved, { ref: flags.branch ?? located.ref, from: flags.from }, context);
  for (const note of found.config.notes) context.note(note);
  const { folder } = located;
  const missing = folder && found.commit && (await whatIsNotPushed(folder, found.commit, context));
  if (missing) context.note(`note: ${missing} here are not pushed, and will not be in the workspace`);
  const config = parseConfig(found.config, context);
  const name = chooseName(asked, config, located.name);
  const secret = credentialsSecret ?? (resolved.login && gitSecretName(name));
  const author = await findAuthor({ folder, github: resolved.github }, context);
  const repo = {
    url: resolved.url,
    ...(found.ref !== undefined && { ref: found.ref }),
    ...(resolved.upstream !== undefined && { upstream: resolved.upstream }),
    ...(author && { author }),
    ...(flags.followConfig && { followConfig: true }),
    ...(secret !== undefined && { credentialsSecretRef: { name: secret } }),
  };
  const cloneTo = await whereToClone(flags.clone, resolved, context);
  const namespace = flags.dryRun
    ? await context.namespace().catch(() => flags.namespace)
    : await context.namespace();
  return {
    workspace: {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      spec: buildSpec(config, asked, repo, flags.set),
    },
    resolved,
    ref: found.ref,
    ...(cloneTo !== undefined && { cloneTo }),
  };
}

async function whereToClone(
  dir: string | undefined,
  { url, upstream }: Resolved,
  context: CommandContext,
): Promise<string | undefined> {
  if (dir === undefined) return undefined;
  if (!(await checkCloneTarget(dir, [url, ...(upstream ? [upstream] : [])], context))) return dir;
  context.note(`note: ${dir} is a clone of it already, and is left as it is`);
  return undefined;
}

async function read(
  { readUrl, upstream, login }: Resolved,
  { ref, from }: { ref: string | undefined; from: string | undefined },
  context: CommandContext,
): Promise<ReadRepository> {
  try {
    return await step(
      context,
      `reading ${readUrl}`,
      ({ at, config }) => `${readUrl}${at ? ` at ${at}` : ''}: ${config.from}`,
      () => readRepository({ url: readUrl, ref, from, login }, context),
    );
  } catch (error) {
    const isFork = upstream !== undefined && upstream !== readUrl;
    if (!isFork || !ref || !(error instanceof CliError) || error.exitCode !== EXIT.notFound) throw error;
    const [, fork = readUrl] = /([^/]+\/[^/]+?)(\.git)?$/.exec(readUrl) ?? [];
    throw new CliError(error.message, {
      exitCode: EXIT.notFound,
      next: `it is your fork; bring it there: gh repo sync ${fork} --branch ${ref}`,
      cause: error,
    });
  }
}
