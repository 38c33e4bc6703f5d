import { kubeconfigPath, readKubeconfig } from '../../controller/client/kubeconfig.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { findGitHub } from '../github/access.ts';
import { enter, leave } from '../login/enter.ts';
import { type LoginAnswer, type Proof, proveGitHub, proveKey } from '../login/prove.ts';
import { callRest, RestRefusal } from '../login/rest.ts';
import { serverUrl } from '../login/server-url.ts';
import { currentLogin, readLogin } from '../login/token.ts';
import { type KnownServer, knowServer, type TrustFlags } from '../login/trust.ts';
import { findKeys, readKey } from '../ssh/person-keys.ts';

interface LoginFlags extends Flags, TrustFlags {
  server?: string;
  with?: 'ssh' | 'github';
  key?: string;
  name?: string;
}

export const login: Command = {
  usage: 'login [server]',
  describe: 'Log in at a server by a registered SSH key or by GitHub, for a token that renews itself',
  examples: [
    ['nexus login nexus.example.com', 'by a key of ~/.ssh or ssh-agent, else by GitHub'],
    ['nexus login nexus.example.com --with github', 'by the login that `nexus auth github` has'],
    ['nexus login 10.0.0.5:3001 --fingerprint AB:CD:…', 'a server that is not known yet, without a question'],
  ],
  build: yargs =>
    yargs
      .positional('server', { type: 'string', describe: 'HOST or HOST:PORT (NEXUS_SERVER)' })
      .option('with', { type: 'string', choices: ['ssh', 'github'], describe: 'One way alone' })
      .option('key', { type: 'string', describe: 'One SSH key alone: its private or public file' })
      .option('ca', { type: 'string', describe: 'Certificate of the authority to check the server with' })
      .option('fingerprint', {
        type: 'string',
        describe: 'SHA-256 of that authority, as `nexus whoami` shows it',
      })
      .option('name', { type: 'string', describe: "Name of the context; the server's host by default" }),

  async run(raw, context) {
    const flags = raw as LoginFlags;
    const address = flags.server ?? context.io.env.NEXUS_SERVER;
    if (!address) throw usageError('which server?', 'nexus login HOST');
    const known = await knowServer(serverUrl(address), flags, context);
    const { answer, proof } = await prove(known, flags, context);
    const name = flags.name ?? new URL(known.server).hostname.replace(/^\[|\]$/g, '');
    await enter({ name, known, answer, proof }, flags, context);
    context.print(`${known.server}: logged in as ${answer.user}, by ${told(proof)}`);
    context.note(`the context is ${name}, its namespace ${answer.namespace}`);
    return EXIT.done;
  },
};

const told = (proof: Proof) =>
  proof.kind === 'ssh' ? `the SSH key ${proof.fingerprint}` : `GitHub (${proof.host})`;

async function prove(
  known: KnownServer,
  flags: LoginFlags,
  context: CommandContext,
): Promise<{ answer: LoginAnswer; proof: Proof }> {
  const { server, info } = known;
  if (flags.with !== 'github') {
    const keys =
      flags.key === undefined ? await findKeys(context) : [readKey(flags.key.replace(/\.pub$/, ''))];
    const found = keys.length > 0 ? await proveKey(known, keys, context) : undefined;
    if (found) return found;
    context.verbose(`${server} knows none of ${keys.length} SSH keys`);
    if (flags.with === 'ssh' || flags.key !== undefined)
      throw new CliError(`${server} knows none of your SSH keys`, {
        exitCode: EXIT.noAccess,
        next: setupCommand(server),
      });
  }
  if (!(await findGitHub(context, info.github_host)))
    throw new CliError(
      `${server} knows none of your SSH keys, and nobody is logged in on ${info.github_host}`,
      {
        exitCode: EXIT.noAccess,
        next: `nexus auth github, then ${setupCommand(server)}`,
      },
    );
  try {
    return await proveGitHub(known, info.github_host, context);
  } catch (error) {
    if (!(error instanceof RestRefusal && error.code === 'forbidden')) throw error;
    throw new CliError(error.message, {
      exitCode: EXIT.noAccess,
      next: info.registration === 'open' ? setupCommand(server) : `ask an admin of ${server} to add you`,
      cause: error,
    });
  }
}

const setupCommand = (server: string) => `nexus ssh setup --server ${server.slice('https://'.length)}`;

export const logout: Command = {
  usage: 'logout',
  describe: 'End the login at a server, there and here',
  examples: [['nexus logout --context nexus.example.com', 'not the current one']],
  build: yargs => yargs,
  async run(flags, context) {
    const { login: name, server, ca, context: current } = await context.connection();
    if (name === undefined)
      throw new CliError(`the context ${current} is no login: its credential is a file`, {
        exitCode: EXIT.usage,
        next: 'nexus config view',
      });
    const kept = await readLogin(context.home, name);
    if (kept)
      try {
        await callRest(context, { server, ca }, { method: 'POST', path: '/logout', token: kept.token });
      } catch (error) {
        const isOver = error instanceof RestRefusal && error.exitCode === EXIT.noAccess;
        if (!isOver)
          context.note(`note: its token is good until ${kept.expiresAt}: ${(error as Error).message}`);
      }
    await leave(name, flags, context);
    context.print(`${server}: logged out`);
    return EXIT.done;
  },
};

/** As exec plugins of client.authentication.k8s.io/v1 print it. */
export const loginTokenCommand: Command = {
  usage: 'login-token <name>',
  describe: 'Print the token of a login, renewed if need be, for kubectl',
  build: yargs => yargs.positional('name', { type: 'string', demandOption: true, describe: 'The login' }),
  async run(raw, context) {
    const { name, kubeconfig } = raw as Flags & { name: string };
    const kept = await readLogin(context.home, name);
    const file = kubeconfigPath({ flag: kubeconfig, env: context.io.env, home: context.home });
    const { clusters } = await readKubeconfig(file);
    const data = clusters?.find(one => one.name === name)?.cluster['certificate-authority-data'] ?? '';
    const to = { login: name, server: kept?.server ?? '', ca: Buffer.from(data, 'base64').toString() };
    const { token, renewAt } = await currentLogin(to, context);
    const status = { token, expirationTimestamp: renewAt };
    context.print(
      JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }),
    );
    return EXIT.done;
  },
};
