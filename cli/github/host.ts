import type { CommandContext } from '../command.ts';
import { usageError } from '../errors.ts';
import { readPreferences } from '../read-preferences.ts';

export const GITHUB = 'github.com';

/** `--host`, else GH_HOST, else the preferred one (`github.host`), else github.com. Throws CliError usage. */
export function githubHost({ io, home }: Pick<CommandContext, 'io' | 'home'>, flag?: string): string {
  const host = (flag || io.env.GH_HOST || readPreferences(home).github?.host || GITHUB).toLowerCase();
  // As gh has it: no port, no path.
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host))
    throw usageError(`"${host}" is no host of GitHub`, 'give its name alone, as in github.example.com');
  return host;
}

/** Where its API is, `/graphql` too: on a host of its own for github.com, below a path for Enterprise servers. */
export function apiUrl(host: string, path: string): string {
  if (host === GITHUB) return `https://api.github.com${path}`;
  return `https://${host}/api${path === '/graphql' ? '' : '/v3'}${path}`;
}

/** Variables that hold a token for the host, the first that is set wins. As for gh: none leaks to another host. */
const VARIABLES = (host: string): readonly string[] =>
  host === GITHUB ? ['GH_TOKEN', 'GITHUB_TOKEN'] : ['GH_ENTERPRISE_TOKEN', 'GITHUB_ENTERPRISE_TOKEN'];

/** The token that the environment names for the host, and by which variable. */
export function tokenOfEnvironment(
  env: Record<string, string | undefined>,
  host: string,
): { token: string; variable: string } | undefined {
  for (const variable of VARIABLES(host)) {
    const token = env[variable]?.trim();
    if (token) return { token, variable };
  }
  return undefined;
}
