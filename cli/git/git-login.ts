import type { CommandContext } from '../command.ts';
import { findGitHub, type GitHub, toldSource } from '../github/access.ts';
import { GITHUB, githubHost } from '../github/host.ts';
import { askGit } from './run-git.ts';

/** What Git logs in with at one server. Secret. */
export interface GitLogin {
  /** `https://host[:port]`. */
  origin: string;
  username: string;
  password: string;
  /** Where it is from, for people: `the token that gh keeps`. */
  from: string;
}

/** GitHub takes any name beside a token. */
const TOKEN_USERNAME = 'x-access-token';

/** The server of a URL that takes user name and password; undefined: it takes keys, or none. */
export function originOf(url: string): string | undefined {
  return /^https?:\/\//i.test(url) ? URL.parse(url)?.origin : undefined;
}

/** Whether GitHub is there, as far as one is told: github.com, or the host that is preferred. */
export function isGitHub(host: string, context: CommandContext): boolean {
  return host === GITHUB || host === githubHost(context);
}

/** The account's, for Git. */
export function loginOf({ host, token, source }: GitHub): GitLogin {
  return {
    origin: `https://${host}`,
    username: TOKEN_USERNAME,
    password: token,
    from: `the token ${toldSource(source)}`,
  };
}

/**
 * The person's own login at `origin`: their account on GitHub, else what their Git has kept. Asks nobody; undefined when
 * there is none.
 */
export async function findLogin(origin: string, context: CommandContext): Promise<GitLogin | undefined> {
  const { host, protocol } = new URL(origin);
  if (protocol === 'https:' && isGitHub(host, context)) {
    const github = await findGitHub(context, host);
    if (github) return loginOf(github);
  }
  const stdin = `protocol=${protocol.replace(':', '')}\nhost=${host}\n\n`;
  const answer = await askGit(['credential', 'fill'], context, { stdin });
  const field = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(answer ?? '')?.[1];
  const username = field('username');
  const password = field('password');
  return username && password ? { origin, username, password, from: 'the login that git keeps' } : undefined;
}
