import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RepositoryFiles } from '../../controller/repo-config/detected.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { describeGitFailure, GitError } from './git-error.ts';
import { type GitOptions, runGit } from './run-git.ts';

export interface RemoteRef {
  /** Full name as the server lists it, or the commit that was asked for. */
  name: string;
  /** Absent: a commit that no branch or tag names. */
  commit?: string;
}

export interface RemoteRepository {
  /** What was asked for, else where HEAD points. Absent: the repository is empty. */
  ref?: RemoteRef;
  /** As in `main`; absent when HEAD points at nothing. */
  defaultBranch?: string;
}

export interface ReadOptions {
  url: string;
  /** Branch, tag or commit; absent: the default branch. */
  ref?: string;
  login?: GitOptions['login'];
}

const BRANCHES_TOLD = 5;
/** Of a file that tells what a repository needs. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Asks the server for the ref, without fetching anything. Throws CliError. */
export async function findRef(
  { url, ref, login }: ReadOptions,
  context: CommandContext,
): Promise<RemoteRepository> {
  const listed = await told(url, () =>
    runGit(['ls-remote', '--symref', '--', url], context, { ...(login && { login }) }),
  );
  const refs = new Map<string, string>();
  let defaultBranch: string | undefined;
  for (const line of listed.toString().split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    const head = /^ref: refs\/heads\/(.+)$/.exec(value)?.[1];
    if (head !== undefined && name === 'HEAD') defaultBranch = head;
    else if (name) refs.set(name, value);
  }
  const known = { ...(defaultBranch !== undefined && { defaultBranch }) };
  if (ref === undefined) {
    const commit = refs.get('HEAD');
    return { ...known, ...(commit !== undefined && { ref: { name: 'HEAD', commit } }) };
  }
  for (const name of [`refs/heads/${ref}`, `refs/tags/${ref}`, ref]) {
    const commit = refs.get(name);
    if (commit !== undefined) return { ...known, ref: { name, commit: refs.get(`${name}^{}`) ?? commit } };
  }
  if (/^[0-9a-f]{40}$/.test(ref)) return { ...known, ref: { name: ref } };
  throw missingRef(url, ref, [...refs.keys()]);
}

function missingRef(url: string, ref: string, names: string[]): CliError {
  const branches = names.flatMap(name => /^refs\/heads\/(.+)$/.exec(name)?.[1] ?? []);
  const more = branches.length > BRANCHES_TOLD ? ', …' : '';
  return new CliError(`${url} has no branch or tag "${ref}"`, {
    exitCode: EXIT.notFound,
    next:
      branches.length === 0
        ? 'the repository is empty: leave --branch out, or push the branch first'
        : `push it first, or take one of: ${branches.slice(0, BRANCHES_TOLD).join(', ')}${more}`,
  });
}

/** The tree at a ref: names are known, contents come when they are asked for. */
export interface RemoteTree {
  commit: string;
  has(path: string): boolean;
  /** Undefined when it is not there or no file. Throws CliError when it is over 1 MiB. */
  read(path: string): Promise<string | undefined>;
}

/**
 * Looks into a repository at one commit without a clone: its commit, trees and what `use` reads, in a folder that is
 * removed when `use` is done. Throws CliError.
 */
export async function withRemoteTree<T>(
  { url, login }: ReadOptions,
  ref: RemoteRef,
  context: CommandContext,
  use: (tree: RemoteTree) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-repo-'));
  const git = (args: string[], stdin?: string) =>
    told(url, () =>
      runGit(args, context, {
        cwd: folder,
        ...(login && { login }),
        ...(stdin !== undefined && { stdin }),
      }),
    );
  try {
    await git(['init', '-q', '--bare', '--template=', '.']);
    await git(['remote', 'add', 'origin', url]);
    // The name is one that the server may have made up.
    await git(['fetch', '-q', '--depth=1', '--no-tags', '--filter=blob:none', '--', 'origin', ref.name]);
    const commit = (await git(['rev-parse', 'FETCH_HEAD^{commit}'])).toString().trim();
    const listed = (await git(['ls-tree', '-r', '-z', 'FETCH_HEAD'])).toString();
    // `mode type id\tpath`; links and submodules are no files.
    const files = new Map<string, string>();
    for (const entry of listed.split('\0')) {
      const [, id, path] = /^100\d{3} blob ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [];
      if (id && path) files.set(path, id);
    }
    return await use({
      commit,
      has: path => files.has(path),
      async read(path) {
        const id = files.get(path);
        if (id === undefined) return undefined;
        const bytes = Number((await git(['cat-file', '-s', id])).toString());
        if (bytes > MAX_FILE_BYTES)
          throw new CliError(
            `${path} of ${url} has ${(bytes / MAX_FILE_BYTES).toFixed(1)} MiB; more than 1 MiB of a file is not read`,
            { next: 'commit a smaller one and push it, or describe the workspace by a file: --from FILE' },
          );
        return (await git(['cat-file', 'blob', id])).toString();
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What `decide` makes of the files, which it reads at once: what it asks for is fetched, and it is asked again until it
 * has all that it wants. It must be pure.
 */
export async function decideOverTree<T>(tree: RemoteTree, decide: (files: RepositoryFiles) => T): Promise<T> {
  const known = new Map<string, string | undefined>();
  for (;;) {
    const wanted = new Set<string>();
    const decision = decide({
      has: path => tree.has(path),
      read(path) {
        if (tree.has(path) && !known.has(path)) wanted.add(path);
        return known.get(path);
      },
    });
    if (wanted.size === 0) return decision;
    for (const path of wanted) known.set(path, await tree.read(path));
  }
}

async function told<T>(url: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof GitError ? describeGitFailure(url, error) : error;
  }
}
