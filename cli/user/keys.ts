import { parseSshPublicKey } from '../../controller/kit/ssh-public-key.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { callAsCaller, whoAmI } from '../login/as-caller.ts';
import { RestRefusal } from '../login/rest.ts';
import { alignColumns } from '../output/columns.ts';
import { readPublicKey } from './add.ts';

interface KeysFlags extends Flags {
  name?: string;
  add: string[];
  remove: string[];
}

interface UserAnswer {
  name: string;
  ssh_keys: { name: string; fingerprint: string; type: string }[];
}

export const keys: Command = {
  usage: 'keys [name]',
  describe: 'SSH keys of a user, your own by default: show, add, remove',
  examples: [
    ['nexus user keys --add ~/.ssh/id_ed25519.pub', 'live in your workspaces within seconds'],
    ['nexus user keys ada --remove SHA256:…', 'by fingerprint or by name'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', describe: 'Whose' })
      .option('add', { type: 'string', array: true, default: [], describe: 'File with a public key' })
      .option('remove', { type: 'string', array: true, default: [], describe: 'Fingerprint or name' }),
  async run(raw, context) {
    const flags = raw as KeysFlags;
    const name = flags.name ?? (await whoAmI(context)).name;
    let user = await call(name, { method: 'GET', path: '' }, context);
    for (const file of flags.add) {
      const { key, name: label } = readPublicKey(file, context);
      const parsed = parseSshPublicKey(key);
      const fingerprint = 'problem' in parsed ? '' : parsed.fingerprint;
      if (user.ssh_keys.some(one => one.fingerprint === fingerprint)) {
        context.note(`${file} is there already`);
        continue;
      }
      const isTaken = user.ssh_keys.some(one => one.name === label);
      const body = { ssh_pubkey: key, ...(!isTaken && { name: label }) };
      user = await call(name, { method: 'PUT', path: keyPath(fingerprint), body }, context);
    }
    for (const wanted of flags.remove) {
      const found = user.ssh_keys.find(one => one.fingerprint === wanted || one.name === wanted);
      if (!found)
        throw new CliError(`user ${name} has no key ${wanted}`, {
          exitCode: EXIT.notFound,
          next: `nexus user keys ${name}`,
        });
      user = await call(name, { method: 'DELETE', path: keyPath(found.fingerprint) }, context);
    }
    const rows = user.ssh_keys.map(({ name: label, type, fingerprint }) => [label, type, fingerprint]);
    if (rows.length === 0) context.note(`user ${name} has no keys`);
    else for (const line of alignColumns([['NAME', 'TYPE', 'FINGERPRINT'], ...rows])) context.print(line);
    return EXIT.done;
  },
};

const keyPath = (fingerprint: string) => `/ssh-keys/${encodeURIComponent(fingerprint)}`;

async function call(
  name: string,
  { method, path, body }: { method: string; path: string; body?: unknown },
  context: CommandContext,
): Promise<UserAnswer> {
  try {
    return await callAsCaller<UserAnswer>(
      { method, path: `/users/${encodeURIComponent(name)}${path}`, body },
      context,
    );
  } catch (error) {
    if (!(error instanceof RestRefusal) || error.code !== 'user_not_found') throw error;
    throw new CliError(error.message, {
      exitCode: EXIT.notFound,
      next: 'nexus user list, or nexus login SERVER as a user of your own',
      cause: error,
    });
  }
}
