import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import {
  findGitHub,
  type GitHub,
  type GitHubUser,
  loginCommand,
  missingScope,
  toldSource,
} from '../github/access.ts';
import { hasScope } from '../github/answer.ts';
import { deviceFlow } from '../github/device-flow.ts';
import { findGh, type Gh } from '../github/gh.ts';
import { githubHost } from '../github/host.ts';
import { dropKeptToken, keepToken } from '../github/kept-token.ts';
import { openPreferences, setPreference } from '../preferences.ts';
import { readPreferences } from '../read-preferences.ts';

interface GitHubFlags extends Flags {
  host?: string;
  force: boolean;
  web: boolean;
  clientId?: string;
}

/** Repositories, with forks and pushes; what gh itself asks for; SSH keys, for `nexus ssh setup`. */
const SCOPES = ['repo', 'read:org', 'admin:public_key'];

export const github: Command = {
  usage: 'github',
  describe: 'Log in on GitHub with gh, or with a code in the browser where there is no gh',
  examples: [
    ['nexus auth github', 'uses the login that gh has, or makes one'],
    ['nexus auth github --host github.example.com', 'on GitHub Enterprise'],
    ['GITHUB_TOKEN=… nexus auth github', 'asks nobody anything and keeps nothing'],
  ],
  build: yargs =>
    yargs
      .option('host', { type: 'string', describe: 'github.com, or one of GitHub Enterprise; kept (GH_HOST)' })
      .option('force', { type: 'boolean', default: false, describe: 'Log in anew, whoever is logged in' })
      .option('web', {
        type: 'boolean',
        default: false,
        describe: 'Log in with a code in a browser, also where there is no terminal',
      })
      .option('client-id', {
        type: 'string',
        describe: 'OAuth app for the login without gh; kept (NEXUS_GITHUB_CLIENT_ID)',
      }),

  async run(raw, context) {
    const flags = raw as GitHubFlags;
    const host = githubHost(context, flags.host);
    const found = await findGitHub(context, host);
    if (flags.force && found?.source.kind === 'environment')
      throw new CliError(`${found.source.variable} is set, and what it holds is used`, {
        exitCode: EXIT.usage,
        next: `unset ${found.source.variable}, then ${loginCommand(host, ' --force')}`,
      });
    const { github, user } =
      found && !flags.force
        ? { github: found, user: await knownUser(found, flags, context) }
        : { github: found, user: undefined };
    if (github && user) return done(github, user, flags, context);
    await login(host, flags, context);
    const now = await findGitHub(context, host);
    if (!now)
      throw new CliError(`the login on ${host} left no token`, { next: `gh auth status --hostname ${host}` });
    return done(now, await now.user(), flags, context);
  },
};

/** Who is logged in; undefined where the login is not good any more and somebody can be asked for a new one. */
async function knownUser(
  github: GitHub,
  flags: GitHubFlags,
  context: CommandContext,
): Promise<GitHubUser | undefined> {
  try {
    return await github.user();
  } catch (error) {
    const isOver = error instanceof CliError && error.exitCode === EXIT.noAccess;
    if (!isOver || github.source.kind === 'environment' || !mayAsk(flags, context)) throw error;
    context.note(`${error.message}; logging in anew`);
    return undefined;
  }
}

const mayAsk = ({ web }: GitHubFlags, { io }: CommandContext) => web || io.stdin.isTTY === true;

async function login(host: string, flags: GitHubFlags, context: CommandContext): Promise<void> {
  const gh = await findGh(context, host);
  if (!mayAsk(flags, context))
    throw new CliError(`nobody is logged in on ${host}, and there is no terminal to ask in`, {
      exitCode: EXIT.noAccess,
      next: `${loginCommand(host)} in a terminal, or set GITHUB_TOKEN`,
    });
  if (gh) await loginWithGh(gh, host);
  else await loginByCode(host, flags, context);
}

async function loginWithGh(gh: Gh, host: string): Promise<void> {
  const args = ['auth', 'login', '--hostname', host, '--web', '--git-protocol', 'https'];
  const code = await gh.runInTerminal([...args, '--scopes', SCOPES.join(',')]);
  if (code !== 0)
    throw new CliError(`gh could not log in on ${host} (exit code ${code})`, {
      exitCode: EXIT.noAccess,
      next: `gh auth login --hostname ${host}`,
    });
}

async function loginByCode(host: string, flags: GitHubFlags, context: CommandContext): Promise<void> {
  const clientId =
    flags.clientId || context.io.env.NEXUS_GITHUB_CLIENT_ID || readPreferences(context.home).github?.clientId;
  if (!clientId)
    throw new CliError('gh is not installed, and no OAuth app is named for a login without it', {
      exitCode: EXIT.noAccess,
      next: 'install gh (Debian: apt-get install gh; elsewhere https://cli.github.com), or set GITHUB_TOKEN, or give --client-id',
    });
  await keepToken(context.home, host, await deviceFlow(context, { host, clientId, scopes: SCOPES }));
}

async function done(
  github: GitHub,
  user: GitHubUser,
  flags: GitHubFlags,
  context: CommandContext,
): Promise<number> {
  const { host, source } = github;
  const { login, scopes } = user;
  await remember({ host, username: login, clientId: flags.clientId }, context);
  // One place for a token is enough.
  if (source.kind === 'gh') await dropKeptToken(context.home, host);
  context.print(`${host}: logged in as ${login}, with the token ${toldSource(source)}`);
  if (!hasScope(scopes, 'repo', 'public_repo')) throw missingScope(github, 'work on repositories', 'repo');
  if (!hasScope(scopes, 'admin:public_key', 'write:public_key'))
    context.note(`note: ${missingScope(github, '`nexus ssh setup`', 'admin:public_key').message}`);
  context.note('next: nexus ssh setup');
  return EXIT.done;
}

async function remember(
  { host, username, clientId }: { host: string; username: string; clientId?: string },
  { home }: CommandContext,
): Promise<void> {
  const preferences = await openPreferences(home);
  setPreference(preferences.data, 'github.host', host);
  setPreference(preferences.data, 'github.username', username);
  if (clientId) setPreference(preferences.data, 'github.clientId', clientId);
  await preferences.write();
}
