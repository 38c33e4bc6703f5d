import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isApiError } from '../../controller/kit/errors.ts';
import { parseSshPublicKey } from '../../controller/kit/ssh-public-key.ts';
import { USER } from '../../crds/kinds.ts';
import type { User } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';

interface AddFlags extends Flags {
  name: string;
  github?: string;
  key: string[];
  role: 'admin' | 'member' | 'viewer';
  maxWorkspaces?: number;
}

export const add: Command = {
  usage: 'add <name>',
  describe: 'Add a user, with a namespace of the same name',
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Towards the server' })
      .option('github', { type: 'string', describe: 'Login on GitHub, by which the user may log in' })
      .option('key', { type: 'string', array: true, default: [], describe: 'File with a public SSH key' })
      .option('role', {
        type: 'string',
        choices: ['admin', 'member', 'viewer'],
        default: 'member',
        describe: 'What the user may do',
      })
      .option('max-workspaces', { type: 'number', describe: 'At once, in the namespace of the user' }),
  async run(raw, context) {
    const { name, github, key: files, role, maxWorkspaces } = raw as AddFlags;
    if (!github && files.length === 0)
      throw usageError('a user needs a way in', `nexus user add ${name} --github LOGIN, or --key FILE`);
    const object: User = {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'User',
      metadata: { name },
      spec: {
        role,
        ...(maxWorkspaces !== undefined && { quota: { workspaces: maxWorkspaces } }),
        ...(github && { github: { login: github } }),
        ...(files.length > 0 && { sshKeys: files.map(file => readPublicKey(file, context)) }),
      },
    };
    const client = await context.client();
    await client.create(USER, object, { signal: context.signal }).catch(error => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      throw new CliError(`there is a user ${name} already`, {
        exitCode: EXIT.conflict,
        next: `nexus user keys ${name} --add FILE, or nexus edit user ${name}`,
      });
    });
    context.print(`user ${name} added (${role})`);
    return EXIT.done;
  },
};

/** The key in a .pub file, named after its comment. Throws CliError usage. */
export function readPublicKey(file: string, { io }: CommandContext): { name: string; key: string } {
  let line: string;
  try {
    line = readFileSync(resolve(io.cwd, file), 'utf8').trim();
  } catch (cause) {
    throw usageError(`${file}: ${(cause as Error).message}`, 'give a file with a public key');
  }
  const key = parseSshPublicKey(line);
  if ('problem' in key) throw usageError(`${file}: ${key.problem}`);
  const name = key.comment
    .replaceAll(/[^A-Za-z0-9@._-]+/g, '-')
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  return {
    name: name.slice(0, 63) || key.fingerprint.slice(7, 15).replaceAll(/[^A-Za-z0-9]/g, '0'),
    key: line,
  };
}
