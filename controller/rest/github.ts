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

/**
 * GitHub's REST API, as far as it is asked. Methods throw RestError: auth_required, repo_not_found, forbidden,
 * rate_limited, provider_not_available.
 */
export interface GitHub {
  /** Where people make a token. */
  readonly authUrl: string;
  /** Host of its repositories, `github.com`. */
  readonly host: string;
  /** Whose token this is; undefined when it is nobody's. Answers are kept for minutes, tokens never. */
  user(token: string): Promise<GitHubUser | undefined>;
  repository(token: string, owner: string, name: string): Promise<GitHubRepository>;
  /** The fork of the token's account; one that was there already, of whatever name, is success. */
  fork(token: string, owner: string, name: string): Promise<GitHubRepository & { isNew: boolean }>;
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

/** GitHub answers alike for a fork that was there: an older one was not made by this request. */
const NEW_MS: Milliseconds = 60_000;

interface RepositoryAnswer {
  name: string;
  created_at?: string;
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

  /** Refuses what has nothing to do with what was asked; resolves with GitHub's own words about anything else. */
  async function refusal(answer: Response): Promise<string> {
    const { status, headers } = answer;
    if (status === 401) throw unauthorized(host);
    const body = await answer.json().catch(() => undefined);
    const { message = '' } = (body ?? {}) as { message?: string };
    const isLimit = headers.get('x-ratelimit-remaining') === '0' || /rate limit/i.test(message);
    if (status === 429 || (status === 403 && isLimit)) throw limited(host, headers);
    if (status >= 500)
      throw new RestError('provider_not_available', `${host} answered ${status}; try again in a moment.`);
    return message.replace(/\.$/, '') || `${host} answered ${status}`;
  }

  async function repositoryOf(answer: Response): Promise<GitHubRepository & { isNew: boolean }> {
    const found = (await answer.json()) as RepositoryAnswer;
    const date = Date.parse(answer.headers.get('date') ?? '') || clock.now();
    return {
      owner: found.owner.login,
      name: found.name,
      cloneUrl: found.clone_url,
      canPush: found.permissions?.push ?? false,
      isNew: date - Date.parse(found.created_at ?? '') < NEW_MS,
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
        throw new RestError('provider_not_available', `${await refusal(answer)}; try again in a moment.`);
      const { login, id } = answer.ok ? ((await answer.json()) as GitHubUser) : { login: '', id: 0 };
      const user = answer.ok && login && id ? { login, id } : undefined;
      known.set(key, { user, until: clock.now() + (user ? CACHE_MS : WRONG_CACHE_MS) });
      return user;
    },
    async repository(token, owner, name) {
      const answer = await call(token, 'GET', path(owner, name));
      if (answer.ok) return repositoryOf(answer);
      await refusal(answer);
      throw new RestError(
        'repo_not_found',
        `${owner}/${name} is not on ${host}, or your token may not see it; check the name, or give the token the scope "repo".`,
        { owner, repo: name },
      );
    },
    async fork(token, owner, name) {
      const answer = await call(token, 'POST', `${path(owner, name)}/forks`);
      if (answer.ok) return repositoryOf(answer);
      const why = await refusal(answer);
      const next = lacksScope(answer)
        ? 'give the token the scope "public_repo", or "repo" for a private one'
        : 'ask its owner for the right to write, or clone it as it is with is_fork: true';
      throw new RestError(
        'forbidden',
        `${owner}/${name} can neither be written nor forked: ${why}; ${next}.`,
        {
          owner,
          repo: name,
        },
      );
    },
  };
}

/** Of a token that names its scopes. */
function lacksScope({ headers }: Response): boolean {
  const scopes = headers.get('x-oauth-scopes')?.split(/, */);
  return scopes !== undefined && !scopes.includes('repo') && !scopes.includes('public_repo');
}

function limited(host: string, headers: Headers): RestError {
  const untilReset = Number(headers.get('x-ratelimit-reset')) - Date.parse(headers.get('date') ?? '') / 1000;
  const seconds = Math.ceil(Number(headers.get('retry-after')) || untilReset || 60);
  return new RestError(
    'rate_limited',
    `${host} lets this account ask no more for now; try again in ${seconds} s.`,
    {
      retry_after_seconds: Math.max(1, seconds),
    },
  );
}

export function unauthorized(host: string): RestError {
  return new RestError('auth_required', `${host} does not know the token; make a new one.`);
}
