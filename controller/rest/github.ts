import { createHash } from 'node:crypto';
import { BoundedMap } from '../kit/bounded-map.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { VERSION } from '../kit/version.ts';
import { RestError } from './rest-error.ts';

export interface GitHubUser {
  login: string;
  id: number;
}

export interface GitHubRepository {
  owner: string;
  name: string;
  cloneUrl: string;
  canPush: boolean;
}

/** GitHub's REST API, as far as it is asked. Methods throw RestError: auth_required, repo_not_found, provider_not_available. */
export interface GitHub {
  /** Where people make a token. */
  readonly authUrl: string;
  /** Host of its repositories, `github.com`. */
  readonly host: string;
  /** Whose token this is; undefined when it is nobody's. Answers are kept for minutes, tokens never. */
  user(token: string): Promise<GitHubUser | undefined>;
  repository(token: string, owner: string, name: string): Promise<GitHubRepository>;
  /** An existing fork is success. */
  fork(token: string, owner: string, name: string): Promise<GitHubRepository>;
}

export interface GitHubOptions {
  /** `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise. */
  apiBase: string;
  /** Defaults to `github.com`. */
  host?: string;
  clock: Clock;
  /** Defaults to Node's own. */
  fetch?: typeof fetch;
}

const CACHE_MS: Milliseconds = 5 * 60_000;
/** A wrong token is soon asked about again: it may just have been made. */
const WRONG_CACHE_MS: Milliseconds = 10_000;
const MAX_CACHED = 10_000;
const TIMEOUT_MS = 10_000;

interface RepositoryAnswer {
  name: string;
  owner: { login: string };
  clone_url: string;
  permissions?: { push?: boolean };
}

/** GitHub over HTTPS. */
export function createGitHub(options: GitHubOptions): GitHub {
  const { clock, host = 'github.com' } = options;
  const base = options.apiBase.replace(/\/+$/, '');
  const request = options.fetch ?? fetch;
  const known = new BoundedMap<string, { user: GitHubUser | undefined; until: Milliseconds }>(MAX_CACHED);

  async function call(token: string, method: string, path: string): Promise<Response> {
    try {
      return await request(`${base}${path}`, {
        method,
        headers: {
          accept: 'application/vnd.github+json',
          authorization: `Bearer ${token}`,
          'user-agent': `nexus/${VERSION}`,
          'x-github-api-version': '2022-11-28',
        },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new RestError(
        'provider_not_available',
        `${host} does not answer; try again in a moment.`,
        {},
        { cause },
      );
    }
  }

  async function repositoryOf(answer: Response, owner: string, name: string): Promise<GitHubRepository> {
    if (answer.status === 401) throw unauthorized(host);
    if (answer.status === 403 || answer.status === 404)
      throw new RestError(
        'repo_not_found',
        `${owner}/${name} is not on ${host}, or your token may not see it; check the name, or give the token the scope "repo".`,
        { owner, repo: name },
      );
    if (!answer.ok)
      throw new RestError(
        'provider_not_available',
        `${host} answered ${answer.status}; try again in a moment.`,
      );
    const found = (await answer.json()) as RepositoryAnswer;
    return {
      owner: found.owner.login,
      name: found.name,
      cloneUrl: found.clone_url,
      canPush: found.permissions?.push ?? false,
    };
  }

  const path = (owner: string, name: string) =>
    `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
  return {
    host,
    authUrl: `https://${host}/settings/tokens`,
    async user(token) {
      const key = createHash('sha256').update(token).digest('base64');
      const cached = known.get(key);
      if (cached && cached.until > clock.now()) return cached.user;
      const answer = await call(token, 'GET', '/user');
      if (!answer.ok && answer.status !== 401)
        throw new RestError(
          'provider_not_available',
          `${host} answered ${answer.status}; try again in a moment.`,
        );
      const { login, id } = answer.ok ? ((await answer.json()) as GitHubUser) : { login: '', id: 0 };
      const user = answer.ok && login && id ? { login, id } : undefined;
      known.set(key, { user, until: clock.now() + (user ? CACHE_MS : WRONG_CACHE_MS) });
      return user;
    },
    repository: async (token, owner, name) =>
      repositoryOf(await call(token, 'GET', path(owner, name)), owner, name),
    fork: async (token, owner, name) =>
      repositoryOf(await call(token, 'POST', `${path(owner, name)}/forks`), owner, name),
  };
}

export function unauthorized(host: string): RestError {
  return new RestError('auth_required', `${host} does not know the token; make a new one.`);
}
