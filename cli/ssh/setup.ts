import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command, CommandContext, Flags } from '../command.ts';
import { sshConfig } from '../commands/ssh-config.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { type GitHub, openGitHub } from '../github/access.ts';
import { uploadKey } from '../github/ssh-keys.ts';
import { enter } from '../login/enter.ts';
import { proveKey } from '../login/prove.ts';
import { registerKey } from '../login/register.ts';
import { RestRefusal } from '../login/rest.ts';
import { serverUrl } from '../login/server-url.ts';
import { knowServer, type TrustFlags } from '../login/trust.ts';
import { openPreferences, setPreference } from '../preferences.ts';
import {
  closeKey,
  defaultKeyFile,
  findKeys,
  isUsual,
  makeKey,
  type PersonKey,
  readKey,
} from './person-keys.ts';
import { ownKeyFile } from './places.ts';

interface SetupFlags extends Flags, TrustFlags {
  key?: string;
  new: boolean;
  server?: string;
  host?: string;
  github: boolean;
}

export const setup: Command = {
  usage: 'setup',
  describe:
    'Set SSH up: find or make a key, put it on GitHub and at the server, let plain ssh know workspaces',
  examples: [
    ['nexus ssh setup', 'with the key that there is, at the server of the current context'],
    ['nexus ssh setup --server nexus.example.com', 'registers at that server, and logs in'],
  ],
  build: yargs =>
    yargs
      .option('key', { type: 'string', describe: 'Private key to use or, with --new, to make' })
      .option('new', { type: 'boolean', default: false, describe: 'Make a key, whatever there is' })
      .option('server', { type: 'string', describe: 'Register at this one, and log in (NEXUS_SERVER)' })
      .option('host', { type: 'string', describe: 'Host of GitHub (GH_HOST)' })
      .option('github', { type: 'boolean', default: true, describe: 'Put the key on GitHub, register by it' })
      .option('ca', { type: 'string', describe: 'Certificate of the authority to check the server with' })
      .option('fingerprint', { type: 'string', describe: 'SHA-256 of that authority' }),

  async run(raw, context) {
    const flags = raw as SetupFlags;
    // First what may be refused, so that nothing is half done.
    const github = flags.github ? await openGitHub(context, flags.host) : undefined;
    const user = await github?.user();
    const key = await chooseKey(flags, context);
    if (closeKey(key)) context.note(`${key.file}: was readable for others; it is not any more`);
    if (github) await upload(github, key, context);
    if (github && user) await registerAt(flags, { github, user, key }, context);
    await remember(key, context);
    await include(flags, context);
    return EXIT.done;
  },
};

async function chooseKey(flags: SetupFlags, context: CommandContext): Promise<PersonKey> {
  const person = context.io.env.HOME || homedir();
  const named =
    flags.key && resolve(context.io.cwd, flags.key.replace(/^~(?=\/)/, person).replace(/\.pub$/, ''));
  if (named && !flags.new) {
    const key = readKey(named);
    context.print(`key: ${named} (${key.type})`);
    return key;
  }
  const found = flags.new
    ? []
    : (await findKeys(context)).filter(({ file }) => file !== ownKeyFile(context.home));
  const [key] = found;
  if (key) {
    context.print(`key: ${key.file ?? 'in ssh-agent'} (${key.type}, ${key.fingerprint})`);
    return key;
  }
  const file = named ?? defaultKeyFile(context);
  if (flags.new && existsSync(file))
    throw usageError(`${file} is there already`, 'name another with --key, or leave --new out');
  const made = await makeKey(file);
  context.print(`key: ${file} made (${made.type}, ${made.fingerprint})`);
  context.note(`it has no passphrase; to give it one: ssh-keygen -p -f ${file}`);
  return made;
}

async function upload(github: GitHub, key: PersonKey, context: CommandContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-key-'));
  try {
    const file = join(folder, 'key.pub');
    await writeFile(file, `${key.line}\n`);
    const isNew = await uploadKey(github, { key, title: `nexus ${hostname()}`, file }, context);
    context.print(
      `${github.host}: ${isNew ? 'the key is added to your account' : 'the key is there already'}`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function registerAt(
  flags: SetupFlags,
  who: Parameters<typeof registerKey>[1],
  context: CommandContext,
): Promise<void> {
  const address = flags.server ?? context.io.env.NEXUS_SERVER;
  if (!address) {
    const connection = await context.connection().catch(error => {
      if (error instanceof CliError) return undefined;
      throw error;
    });
    if (!connection) return context.note('no server is known yet: nexus ssh setup --server HOST');
    const done = await register(connection, who, context);
    return context.print(`${connection.server}: ${done}`);
  }
  const known = await knowServer(serverUrl(address), flags, context);
  context.print(`${known.server}: ${await register(known, who, context)}`);
  const login = await proveKey(known, [who.key], context);
  if (!login)
    throw new CliError(`${known.server} does not know the key that was just registered`, {
      next: 'is it registered with two users? nexus user keys',
    });
  const name = new URL(known.server).hostname.replace(/^\[|\]$/g, '');
  await enter({ name, known, ...login }, flags, context);
  context.print(`${known.server}: logged in as ${login.answer.user}`);
}

async function register(
  to: { server: string; ca?: string },
  who: Parameters<typeof registerKey>[1],
  context: CommandContext,
): Promise<string> {
  try {
    const done = await registerKey(to, who, context);
    return {
      registered: `registered as ${who.user.login}`,
      'key added': 'the key is added',
      'already there': 'the key is there already',
    }[done];
  } catch (error) {
    if (!(error instanceof RestRefusal)) throw error;
    const next = {
      auth_required: `does ${to.server} take tokens of ${who.github.host}? Its option is --github-host`,
      forbidden: `ask an admin: nexus user add ${who.user.login} --key FILE`,
      invalid_request:
        'is the key registered with somebody else? nexus ssh setup --new --key ~/.ssh/id_nexus',
    }[error.code];
    throw new CliError(`${to.server} does not register the key: ${error.message}`, {
      exitCode: error.exitCode,
      next: next ?? 'nexus doctor',
      cause: error,
    });
  }
}

/** A key that ssh does not find by itself is named to it from now on. */
async function remember({ file }: PersonKey, context: CommandContext): Promise<void> {
  if (file === undefined || isUsual(file, context)) return;
  const preferences = await openPreferences(context.home);
  setPreference(preferences.data, 'ssh.keyPath', file);
  await preferences.write();
}

/** A login that was just made is the current context by now. */
async function include(flags: SetupFlags, context: CommandContext): Promise<void> {
  const isKnown = await context.connection().then(
    () => true,
    () => false,
  );
  if (isKnown) await sshConfig.run({ ...flags, action: 'install' }, context);
}
