import { blobId, type GitFolder } from './git.ts';
import { answerGraphql } from './graphql.ts';
import {
  accountOf,
  forksOf,
  holds,
  mayPush,
  mayRead,
  type Repository,
  repositoryKey,
  type Token,
  type World,
} from './world.ts';

export interface ApiRequest {
  method: string;
  /** Without `/api/v3`. */
  path: string;
  query: URLSearchParams;
  /** Parsed JSON, an empty object without a body. */
  body: Record<string, unknown>;
  token: Token | undefined;
  /** `github.com`, or that of an Enterprise server. */
  host: string;
  accept: string;
}

export interface ApiAnswer {
  status: number;
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  raw?: Buffer;
  /** What X-Accepted-OAuth-Scopes names. */
  accepts?: string[];
}

type Found = RegExpExecArray;
type Handler = (request: ApiRequest, found: Found) => ApiAnswer | Promise<ApiAnswer>;

const documentation_url = 'https://docs.github.com/rest';
const refuse = (status: number, message: string, more: object = {}): ApiAnswer => ({
  status,
  body: { message, ...more, documentation_url },
});
const NOT_FOUND = refuse(404, 'Not Found');

/** GitHub's REST API, as far as Nexus and `gh` ask it, in GitHub's shapes. */
export function createApi(world: World, git: GitFolder): (request: ApiRequest) => Promise<ApiAnswer> {
  const routes: [method: string, path: RegExp, needsToken: boolean, handler: Handler][] = [
    [
      'GET',
      /^\/$/,
      false,
      ({ host }) => ({ status: 200, body: { current_user_url: `https://${host}/user` } }),
    ],
    ['GET', /^\/user$/, true, ({ token }) => ({ status: 200, body: userView(token!.login) })],
    ['GET', /^\/users\/([^/]+)$/, false, (_, [, login]) => user(login!)],
    ['GET', /^\/users\/([^/]+)\/keys$/, false, (_, [, login]) => publicKeys(login!)],
    ['GET', /^\/user\/keys$/, true, listKeys],
    ['POST', /^\/user\/keys$/, true, addKey],
    ['DELETE', /^\/user\/keys\/(\d+)$/, true, removeKey],
    [
      'GET',
      /^\/rate_limit$/,
      false,
      () => ({ status: 200, body: { resources: { core: { remaining: 4999 } } } }),
    ],
    [
      'POST',
      /^\/graphql$/,
      true,
      ({ token, host, body }) => ({ status: 200, body: answerGraphql(world, token!, host, body) }),
    ],
    [
      'GET',
      /^\/repos\/([^/]+)\/([^/]+)$/,
      false,
      visible((request, repository) => ({ status: 200, body: repositoryView(request, repository) })),
    ],
    ['POST', /^\/repos\/([^/]+)\/([^/]+)\/forks$/, true, visible(fork)],
    ['GET', /^\/repos\/([^/]+)\/([^/]+)\/branches$/, false, visible(branches)],
    ['GET', /^\/repos\/([^/]+)\/([^/]+)\/branches\/(.+)$/, false, visible(branch)],
    ['GET', /^\/repos\/([^/]+)\/([^/]+)\/commits\/(.+)$/, false, visible(commit)],
    ['GET', /^\/repos\/([^/]+)\/([^/]+)\/contents\/?(.*)$/, false, visible(contents)],
  ];

  return async request => {
    for (const [method, pattern, needsToken, handler] of routes) {
      const found = request.method === method && pattern.exec(request.path);
      if (!found) continue;
      if (needsToken && !request.token) return refuse(401, 'Requires authentication');
      return handler(request, found);
    }
    return NOT_FOUND;
  };

  function visible(
    handler: (request: ApiRequest, repository: Repository, rest: string) => ApiAnswer | Promise<ApiAnswer>,
  ): Handler {
    return (request, [, owner, name, rest = '']) => {
      const repository = world.repositories.get(repositoryKey(owner!, name!));
      if (!repository || !mayRead(request.token, repository)) return NOT_FOUND;
      return handler(request, repository, decodeURIComponent(rest));
    };
  }

  function userView(login: string) {
    const { id, type, login: name } = accountOf(world, login);
    return { login: name, id, type, name: null, site_admin: false };
  }

  function user(login: string): ApiAnswer {
    return world.accounts.has(login.toLowerCase()) ? { status: 200, body: userView(login) } : NOT_FOUND;
  }

  function publicKeys(login: string): ApiAnswer {
    const account = world.accounts.get(login.toLowerCase());
    return account ? { status: 200, body: account.keys.map(({ id, key }) => ({ id, key })) } : NOT_FOUND;
  }

  /** As GitHub does, which does not say that a scope is missing: the headers do. */
  function withoutScope(token: Token, wanted: string): ApiAnswer | undefined {
    if (!holds(token, wanted)) return { ...NOT_FOUND, accepts: ['admin:public_key', wanted] };
    return undefined;
  }

  function listKeys({ token }: ApiRequest): ApiAnswer {
    const { keys } = accountOf(world, token!.login);
    return withoutScope(token!, 'read:public_key') ?? { status: 200, body: keys };
  }

  function addKey({ token, body }: ApiRequest): ApiAnswer {
    const refused = withoutScope(token!, 'write:public_key');
    if (refused) return refused;
    const key = String(body.key ?? '')
      .trim()
      .split(/\s+/)
      .slice(0, 2)
      .join(' ');
    const invalid = (message: string) =>
      refuse(422, 'Validation Failed', {
        errors: [{ resource: 'PublicKey', code: 'custom', field: 'key', message }],
      });
    if (!/^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+$/.test(key))
      return invalid('key is invalid. You must supply a key in OpenSSH public key format');
    // Whoever has it: one key stands for one account.
    for (const { keys } of world.accounts.values())
      if (keys.some(one => one.key === key)) return invalid('key is already in use');
    const added = { id: world.nextId++, title: String(body.title ?? ''), key };
    accountOf(world, token!.login).keys.push(added);
    return { status: 201, body: { ...added, verified: true, read_only: false } };
  }

  function removeKey({ token }: ApiRequest, [, id]: Found): ApiAnswer {
    const refused = withoutScope(token!, 'admin:public_key');
    if (refused) return refused;
    const account = accountOf(world, token!.login);
    const left = account.keys.filter(key => key.id !== Number(id));
    if (left.length === account.keys.length) return NOT_FOUND;
    account.keys = left;
    return { status: 204 };
  }

  function repositoryView({ token, host }: ApiRequest, repository: Repository): object {
    const { owner, name, parent, private: hidden, defaultBranch } = repository;
    const from = parent === undefined ? undefined : world.repositories.get(parent.toLowerCase());
    return {
      name,
      full_name: `${owner}/${name}`,
      private: hidden,
      owner: userView(owner),
      html_url: `https://${host}/${owner}/${name}`,
      clone_url: `https://${host}/${owner}/${name}.git`,
      ssh_url: `git@${host}:${owner}/${name}.git`,
      fork: from !== undefined,
      allow_forking: repository.forkable,
      default_branch: defaultBranch,
      created_at: repository.createdAt.toISOString(),
      ...(token && { permissions: { admin: false, push: mayPush(token, repository), pull: true } }),
      ...(from && {
        parent: { full_name: `${from.owner}/${from.name}`, name: from.name, owner: userView(from.owner) },
      }),
    };
  }

  function fork(request: ApiRequest, repository: Repository): ApiAnswer {
    const token = request.token!;
    const parent = `${repository.owner}/${repository.name}`;
    const [existing] = forksOf(world, repository, token.login);
    if (existing) return { status: 202, body: repositoryView(request, existing) };
    if (!repository.forkable) return refuse(403, 'The repository exists, but forking is disabled.');
    if (!holds(token, repository.private ? 'repo' : 'public_repo') && !holds(token, 'repo'))
      return { ...NOT_FOUND, accepts: ['public_repo', 'repo'] };
    let { name } = repository;
    for (let n = 1; world.repositories.has(repositoryKey(token.login, name)); n++)
      name = `${repository.name}-${n}`;
    git.copy([repository.owner, repository.name], [token.login, name]);
    const own = { owner: token.login, name, parent, readers: [], writers: [], createdAt: new Date() };
    const made = { ...repository, ...own };
    world.repositories.set(repositoryKey(token.login, name), made);
    return { status: 202, body: repositoryView(request, made) };
  }

  async function branches(_: ApiRequest, { owner, name }: Repository): Promise<ApiAnswer> {
    const names = await git.branches(owner, name);
    const body = names.map(async one => ({
      name: one,
      commit: { sha: await git.commitOf(owner, name, one) },
    }));
    return { status: 200, body: await Promise.all(body) };
  }

  async function branch(_: ApiRequest, { owner, name }: Repository, wanted: string): Promise<ApiAnswer> {
    if (!(await git.branches(owner, name)).includes(wanted)) return refuse(404, 'Branch not found');
    return { status: 200, body: { name: wanted, commit: { sha: await git.commitOf(owner, name, wanted) } } };
  }

  async function commit(_: ApiRequest, { owner, name }: Repository, ref: string): Promise<ApiAnswer> {
    const sha = await git.commitOf(owner, name, ref);
    return sha ? { status: 200, body: { sha } } : refuse(422, `No commit found for SHA: ${ref}`);
  }

  async function contents(request: ApiRequest, repository: Repository, path: string): Promise<ApiAnswer> {
    const { owner, name, defaultBranch } = repository;
    if ((await git.branches(owner, name)).length === 0) return refuse(404, 'This repository is empty.');
    const ref = request.query.get('ref') ?? defaultBranch;
    if (!(await git.commitOf(owner, name, ref))) return refuse(404, `No commit found for the ref ${ref}`);
    const at = path.replace(/\/+$/, '');
    const file = await git.file(owner, name, ref, at);
    if (file && request.accept.includes('raw')) return { status: 200, raw: file };
    if (file)
      return {
        status: 200,
        body: {
          type: 'file',
          encoding: 'base64',
          size: file.length,
          name: at.split('/').at(-1),
          path: at,
          sha: blobId(file),
          content: file.toString('base64').replace(/(.{60})/g, '$1\n'),
        },
      };
    const names = await git.list(owner, name, ref, at);
    if (!names || (names.length === 0 && at !== '')) return NOT_FOUND;
    return {
      status: 200,
      body: names.map(one => ({
        type: one.endsWith('/') ? 'dir' : 'file',
        name: one.replace(/\/$/, ''),
        path: [at, one.replace(/\/$/, '')].filter(Boolean).join('/'),
      })),
    };
  }
}
