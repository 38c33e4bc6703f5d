import { CliError, EXIT } from '../errors.ts';

export interface GitHubAnswer {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

/** Scopes of the token that asked; undefined: GitHub names none, as for fine-grained tokens. */
export function scopesOf({ headers }: GitHubAnswer): string[] | undefined {
  return headers['x-oauth-scopes']?.split(/, */).filter(Boolean);
}

/** Whether one of the scopes is held, or one that contains it; so it is where none are named. */
export function hasScope(scopes: string[] | undefined, ...wanted: string[]): boolean {
  return scopes === undefined || wanted.some(scope => scopes.includes(scope));
}

export const messageOf = ({ body }: GitHubAnswer): string =>
  typeof (body as { message?: unknown } | null)?.message === 'string'
    ? (body as { message: string }).message
    : '';

/**
 * What no caller can do anything about: a token that is nobody's, limits, a server that is down. Returns any other
 * answer as it is.
 */
export function refuseCommon(
  answer: GitHubAnswer,
  { host, from, next }: { host: string; from: string; next: string },
) {
  const { status, headers } = answer;
  if (status === 401)
    throw new CliError(`${host} does not take the token ${from}: it was revoked or has expired`, {
      exitCode: EXIT.noAccess,
      next,
    });
  const isLimit = headers['x-ratelimit-remaining'] === '0' || /rate limit/i.test(messageOf(answer));
  if (status === 429 || (status === 403 && isLimit))
    throw new CliError(`${host} lets this account ask no more for now (rate limit)`, {
      next: `try again ${when(headers)}`,
    });
  if (status >= 500)
    throw new CliError(`${host} answered ${status}: ${messageOf(answer) || 'it is not well'}`, {
      exitCode: EXIT.unreachable,
      next: `try again in a moment; https://www.githubstatus.com tells of github.com`,
    });
  return answer;
}

function when(headers: GitHubAnswer['headers']): string {
  const seconds = Number(headers['retry-after']);
  if (seconds > 0) return `in ${seconds} s`;
  const reset = Number(headers['x-ratelimit-reset']);
  return reset > 0 ? `at ${new Date(reset * 1000).toISOString()}` : 'in a few minutes';
}

export function outOfReach(host: string, why: string, cause?: unknown): CliError {
  return new CliError(`${host} is out of reach: ${why}`, {
    exitCode: EXIT.unreachable,
    next: 'check the network and HTTPS_PROXY, then try again',
    cause,
  });
}
