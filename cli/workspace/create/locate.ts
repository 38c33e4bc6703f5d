import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { CommandContext } from '../../command.ts';
import { CliError, EXIT, usageError } from '../../errors.ts';
import { askGit, runGit } from '../../git/run-git.ts';

/** Where a workspace's repository is. */
export interface Located {
  /** As a workspace clones it: without a login. */
  url: string;
  /** Its last part, without `.git`. */
  name: string;
  /** Branch that the folder, or the page of a browser, is at. */
  ref?: string;
  /** The working tree that one stands in. */
  folder?: string;
}

/** `owner/repo`, or `host/owner/repo`. */
const SHORT = /^(?:([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?)\/)?([A-Za-z0-9][\w.-]*)\/([\w.-]+)$/;
/** What a Workspace takes, as in crds/workspace.yaml. */
const CLONABLE = /^((https?|ssh|git):\/\/[^\s]+|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s]+)$/;

/**
 * Reads REPO: `owner/repo` on `host`, a URL, or a folder (`.`) whose remote it is. Asks no server. Throws CliError.
 */
export async function locate(text: string, host: string, context: CommandContext): Promise<Located> {
  if (/^(\.{1,2}|~)?(\/|$)/.test(text) && text !== '') return locateFolder(text, context);
  if (CLONABLE.test(text)) return locateUrl(text, 'the URL');
  const [, otherHost, owner, name] = SHORT.exec(text) ?? [];
  if (owner && name)
    return { url: `https://${otherHost ?? host}/${owner}/${withoutGit(name)}.git`, name: withoutGit(name) };
  throw usageError(
    text.startsWith('-') || text === '' || /\s/.test(text)
      ? `"${text}" is no repository`
      : `"${text}" names no repository: who owns it?`,
    'owner/repo, a URL (https://…, git@host:path), or . for the one you stand in',
  );
}

const withoutGit = (name: string) => name.replace(/\.git$/, '');

function locateUrl(text: string, what: string): Located {
  let url = text.replace(/\/+$/, '');
  let ref: string | undefined;
  if (/^https?:/i.test(url)) {
    const parsed = URL.parse(url);
    if (!parsed) throw usageError(`${what} cannot be read: ${text}`, 'https://host/owner/repo');
    if (parsed.password || /^(gh[a-z]_|github_pat_|glpat-)/.test(parsed.username))
      throw usageError(
        `${what} holds a password, which would be seen by whoever sees the workspace`,
        'leave it out; put it into a Secret and name that with --credentials-secret, or let git or gh know it',
      );
    parsed.username = '';
    parsed.search = '';
    parsed.hash = '';
    // A page of the repository, as the browser shows it.
    const page = /^(\/[^/]+\/[^/]+)\/tree\/(.+)$/.exec(parsed.pathname);
    if (page) {
      parsed.pathname = page[1] as string;
      ref = decodeURIComponent(page[2] as string);
    }
    url = parsed.href.replace(/\/+$/, '');
  } else if (/^ssh:\/\/[^/@]*:[^/@]*@/.test(url))
    throw usageError(`${what} holds a password`, 'leave it out; SSH takes keys');
  const name = withoutGit(url.split(/[/:]/).at(-1) ?? '');
  return { url, name, ...(ref !== undefined && { ref }) };
}

async function locateFolder(text: string, context: CommandContext): Promise<Located> {
  const home = context.io.env.HOME || homedir();
  const cwd = resolve(context.io.cwd, text.replace(/^~(?=\/|$)/, home));
  const stats = await stat(cwd).catch(() => undefined);
  if (!stats?.isDirectory())
    throw new CliError(`there is no folder ${text}`, {
      exitCode: EXIT.notFound,
      next: 'owner/repo, or a URL',
    });
  // Says so when there is no git at all.
  await runGit(['--version'], context);
  const ask = (...args: string[]) => askGit(args, context, { cwd });
  const folder = await ask('rev-parse', '--show-toplevel');
  if (folder === undefined)
    throw new CliError(`${cwd} is in no Git repository`, {
      exitCode: EXIT.notFound,
      next: 'go to the repository, or say which: nexus workspace create owner/repo',
    });
  const branch = await ask('symbolic-ref', '-q', '--short', 'HEAD');
  const remotes = (await ask('remote'))?.split('\n') ?? [];
  const followed = branch && (await ask('config', `branch.${branch}.remote`));
  const remote = [followed, 'origin', ...remotes].find(name => name && remotes.includes(name));
  if (!remote)
    throw new CliError(`${folder} has no remote: there is nothing that a workspace could clone`, {
      next: 'gh repo create --source . --push, or: git remote add origin URL && git push -u origin HEAD',
    });
  const url = (await ask('remote', 'get-url', remote)) ?? '';
  if (!CLONABLE.test(url))
    throw new CliError(`the remote ${remote} is ${url}, which only this machine can reach`, {
      next: 'push it to a server, or give the URL of one',
    });
  const followedBranch = branch && followed === remote && (await ask('config', `branch.${branch}.merge`));
  const ref = followedBranch ? followedBranch.replace(/^refs\/heads\//, '') : branch;
  if (branch === undefined)
    context.note(
      'note: no branch is checked out here; the workspace takes the default one (--branch: another)',
    );
  return { ...locateUrl(url, `the remote ${remote}`), ...(ref !== undefined && { ref }), folder };
}

/** What is in the working tree and not at `commit` of the server, for people; undefined: nothing. */
export async function whatIsNotPushed(
  folder: string,
  commit: string,
  context: CommandContext,
): Promise<string | undefined> {
  const ask = (...args: string[]) => askGit(args, context, { cwd: folder });
  const changed = await ask('status', '--porcelain', '--untracked-files=no');
  const ahead = Number((await ask('rev-list', '--count', `${commit}..HEAD`)) ?? 0);
  const parts = [
    ...(ahead > 0 ? [`${ahead} commit${ahead === 1 ? '' : 's'}`] : []),
    ...(changed ? [`changes in ${changed.split('\n').length} files`] : []),
  ];
  return parts.length > 0 ? parts.join(' and ') : undefined;
}
