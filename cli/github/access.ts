import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { type GitHubAnswer, messageOf, outOfReach, refuseCommon, scopesOf } from './answer.ts';
import { findGh, type Gh } from './gh.ts';
import { apiUrl, githubHost, tokenOfEnvironment } from './host.ts';
import { askGitHub } from './https.ts';
import { readKeptToken } from './kept-token.ts';

export interface GitHubUser {
  login: string;
  id: number;
  /** Undefined where GitHub names none, as for fine-grained tokens. */
  scopes: string[] | undefined;
}

/** Whose token is used. */
export type TokenSource = { kind: 'environment'; variable: string } | { kind: 'gh' } | { kind: 'kept' };

/** GitHub as the person who is logged in there. */
export interface GitHub {
  host: string;
  source: TokenSource;
  /** GitHub's own command line, where it is installed. */
  gh: Gh | undefined;
  /** For what is done on the person's behalf elsewhere, as a clone in a workspace. Never shown, never kept. */
  token: string;
  /**
   * A call of the REST API, `path` as in `/user`, or of `/graphql`. Resolves with whatever GitHub answers but what nobody can help: throws
   * CliError noAccess for a token that is nobody's, failed for a rate limit, unreachable.
   */
  request(method: string, path: string, body?: unknown): Promise<GitHubAnswer>;
  user(): Promise<GitHubUser>;
}

/** Undefined where nobody is logged in there. Throws CliError for a gh that is too old. */
export async function findGitHub(context: CommandContext, flag?: string): Promise<GitHub | undefined> {
  const host = githubHost(context, flag);
  const gh = await findGh(context, host);
  const fromEnvironment = tokenOfEnvironment(context.io.env, host);
  if (fromEnvironment) {
    const { token, variable } = fromEnvironment;
    return createGitHub(context, { host, gh, token, source: { kind: 'environment', variable } });
  }
  const token = await gh?.token();
  if (token !== undefined) return createGitHub(context, { host, gh, token, source: { kind: 'gh' } });
  const kept = await readKeptToken(context.home, host);
  return kept === undefined
    ? undefined
    : createGitHub(context, { host, gh, token: kept, source: { kind: 'kept' } });
}

/** GitHub as whoever is logged in. Throws CliError noAccess when nobody is. */
export async function openGitHub(context: CommandContext, flag?: string): Promise<GitHub> {
  const found = await findGitHub(context, flag);
  if (found) return found;
  const host = githubHost(context, flag);
  throw new CliError(`nobody is logged in on ${host}`, { exitCode: EXIT.noAccess, next: loginCommand(host) });
}

export const loginCommand = (host: string, more = ''): string =>
  `nexus auth github${host === 'github.com' ? '' : ` --host ${host}`}${more}`;

/** How an account says where its token is from: `of GITHUB_TOKEN`. */
export function toldSource(source: TokenSource): string {
  if (source.kind === 'environment') return `of ${source.variable}`;
  return source.kind === 'gh' ? 'that gh keeps' : 'that is kept here';
}

/** Which scopes to ask for, and by which command. */
export function missingScope({ host, source }: GitHub, what: string, scope: string): CliError {
  const next = {
    environment: `make a token with the scope ${scope}: https://${host}/settings/tokens`,
    gh: `gh auth refresh --hostname ${host} --scopes ${scope}`,
    kept: loginCommand(host, ' --force'),
  }[source.kind];
  return new CliError(`the token ${toldSource(source)} lacks the scope ${scope}, which ${what} needs`, {
    exitCode: EXIT.noAccess,
    next,
  });
}

function createGitHub(
  context: CommandContext,
  parts: Pick<GitHub, 'host' | 'gh' | 'token' | 'source'>,
): GitHub {
  const { host, gh, source, token } = parts;
  // gh has the person's own settings of the network; ours are the second best.
  const send = gh && source.kind !== 'kept' ? throughGh(gh, host) : byOurselves(context, host, token);
  const next =
    source.kind === 'environment'
      ? `make a new one at https://${host}/settings/tokens, or unset ${source.variable}`
      : loginCommand(host, ' --force');
  let known: GitHubUser | undefined;
  const github: GitHub = {
    ...parts,
    async request(method, path, body) {
      return refuseCommon(await send(method, path, body), { host, from: toldSource(source), next });
    },
    async user() {
      if (known) return known;
      const answer = await github.request('GET', '/user');
      const { login, id } = (answer.body ?? {}) as Partial<GitHubUser>;
      if (answer.status !== 200 || !login || !id)
        throw new CliError(
          `${host} does not say who the token ${toldSource(source)} is of: ${messageOf(answer)}`,
          {
            exitCode: EXIT.noAccess,
            next,
          },
        );
      known = { login, id, scopes: scopesOf(answer) };
      return known;
    },
  };
  return github;
}

type Send = (method: string, path: string, body?: unknown) => Promise<GitHubAnswer>;

function throughGh(gh: Gh, host: string): Send {
  return async (method, path, body) => {
    const args = ['api', '--hostname', host, '--include', '--method', method, path.replace(/^\//, '')];
    if (body !== undefined) args.push('--input', '-');
    const { stdout, stderr } = await gh.run(args, body === undefined ? undefined : JSON.stringify(body));
    const [, status = '', head = '', text = ''] =
      /^HTTP\/[\d.]+ (\d{3})[^\n]*\n(.*?)\r?\n\r?\n(.*)$/s.exec(stdout) ?? [];
    if (!status) throw outOfReach(host, reasonIn(stderr));
    const headers = head.split(/\r?\n/).map(line => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    });
    return { status: Number(status), headers: Object.fromEntries(headers), body: parsed(text) };
  };
}

function byOurselves(context: CommandContext, host: string, token: string): Send {
  return async (method, path, body) => {
    const { status, headers, text } = await askGitHub(context, {
      method,
      url: apiUrl(host, path),
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status, headers, body: parsed(text) };
  };
}

/** Of gh, the line that is about it. */
const reasonIn = (stderr: string) =>
  stderr
    .trim()
    .split('\n')[0]
    ?.replace(/^.*?": /, '') || 'gh did not say why';

function parsed(text: string): unknown {
  try {
    return text.trim() === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
