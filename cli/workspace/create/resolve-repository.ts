import type { CommandContext } from '../../command.ts';
import { CliError, EXIT, usageError } from '../../errors.ts';
import { findLogin, type GitLogin, isGitHub, loginOf, originOf } from '../../git/git-login.ts';
import { findRef } from '../../git/read-remote.ts';
import { findGitHub, type GitHub, loginCommand } from '../../github/access.ts';
import { findFork, type GitHubRepository, getRepository, repositoryIn } from '../../github/repository.ts';
import { step } from '../../output/steps.ts';
import type { Located } from './locate.ts';

/** The repository that a workspace clones, as far as it can be told without making anything. */
export interface Resolved {
  /** Of a fork that is to be made: as it will be, most likely. */
  url: string;
  /** What it was forked from. */
  upstream?: string;
  /** For reading it here, and for the workspace. */
  login?: GitLogin;
  /** Where to read; that of the original while there is no fork. */
  readUrl: string;
  /** Where it is, as the account that reads it. */
  github?: GitHub;
  /** What is to be forked. */
  toFork?: { github: GitHub; repository: GitHubRepository };
}

interface ResolveOptions {
  /** Whether one that may not be written may be forked. */
  fork: boolean;
  /** The workspace is given a login of its own, by the name of a Secret. */
  hasSecret: boolean;
}

/** Finds out how a repository is read, and whether it may be written or is to be forked. Throws CliError. */
export async function resolveRepository(
  { url }: Located,
  options: ResolveOptions,
  context: CommandContext,
): Promise<Resolved> {
  const host = /^(?:[a-z]+:\/\/)?(?:[^@/]+@)?([^/:]+)/i.exec(url)?.[1]?.toLowerCase() ?? '';
  const found = isGitHub(host, context) ? repositoryIn(url, host) : undefined;
  const github = found && (await findGitHub(context, host));
  if (github && found) return { ...(await onGitHub(github, found, options, context)), github };
  const next = found ? loginCommand(host) : undefined;
  const origin = originOf(url);
  if (origin !== undefined) return withOwnLogin(url, { origin, next }, context);
  if (/^git:/.test(url) || options.hasSecret) return { url, readUrl: url };
  throw usageError(
    `a workspace clones ${url} by itself, without your SSH key`,
    next
      ? `${next}, and it is cloned by HTTPS with that account`
      : 'its https:// URL, or --credentials-secret NAME of a Secret with ssh-privatekey',
  );
}

/** Of any other server: without a login where that will do, else with the one that the person's git knows. */
async function withOwnLogin(
  url: string,
  { origin, next }: { origin: string; next: string | undefined },
  context: CommandContext,
): Promise<Resolved> {
  try {
    await findRef({ url, login: 'none' }, context);
    return { url, readUrl: url };
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.noAccess) throw error;
    const login = await findLogin(origin, context);
    if (login) return { url, readUrl: url, login };
    throw next ? new CliError(error.message, { exitCode: EXIT.noAccess, next, cause: error }) : error;
  }
}

async function onGitHub(
  github: GitHub,
  { owner, name }: { owner: string; name: string },
  options: ResolveOptions,
  context: CommandContext,
): Promise<Resolved> {
  const { host } = github;
  const repository = await step(
    context,
    `asking ${host} for ${owner}/${name}`,
    ({ fullName, isPrivate, canPush }) =>
      `${fullName}: ${isPrivate ? 'private, ' : ''}${canPush ? 'yours to write' : 'not yours to write'}`,
    () => getRepository(github, owner, name),
  );
  const { url, fullName, isPrivate, canPush, isArchived } = repository;
  const login = loginOf(github);
  if (canPush) return { url, readUrl: url, login };
  if (isArchived || !options.fork) {
    context.note(
      `note: ${fullName} is cloned and cannot be pushed to${isArchived ? ': it is archived' : ''}`,
    );
    return { url, readUrl: url, ...(isPrivate && { login }) };
  }
  const fork = await findFork(github, repository);
  if (fork) return { url: fork, upstream: url, readUrl: fork, login };
  const { login: me } = await github.user();
  return {
    url: `https://${host}/${me}/${repository.name}.git`,
    upstream: url,
    readUrl: url,
    login,
    toFork: { github, repository },
  };
}
