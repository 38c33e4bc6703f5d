import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { publicKeyOf } from '../../controller/kit/ssh-key-file.ts';
import { parseSshPublicKey, type SshPublicKey } from '../../controller/kit/ssh-public-key.ts';
import { writeFileWhole } from '../../controller/kit/write-file.ts';
import { capture } from '../capture.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { preferredKey } from './identities.ts';
import { ownKeyFile } from './places.ts';

/** An SSH key of the person at this machine. */
export interface PersonKey extends SshPublicKey {
  /** One line, as in a .pub file. */
  line: string;
  /** The private key; undefined: it is in ssh-agent alone. */
  file?: string;
  inAgent: boolean;
}

/** What ssh looks for by itself, the best first. */
const NAMES = ['id_ed25519', 'id_ed25519_sk', 'id_ecdsa', 'id_ecdsa_sk', 'id_rsa'];

const personHome = ({ io }: CommandContext) => io.env.HOME || homedir();

/** Whether ssh finds the key by itself. */
export const isUsual = (file: string, context: CommandContext): boolean =>
  NAMES.some(name => file === join(personHome(context), '.ssh', name));

export const defaultKeyFile = (context: CommandContext): string =>
  join(personHome(context), '.ssh', 'id_ed25519');

/** Those that can be used: the preferred one, those of ~/.ssh, those in ssh-agent, the installation's own. */
export async function findKeys(context: CommandContext): Promise<PersonKey[]> {
  const { home, io } = context;
  const folder = join(personHome(context), '.ssh');
  const agent = await agentKeys(context);
  const found = new Map<string, PersonKey>();
  const add = (line: string, file?: string) => {
    const key = parseSshPublicKey(line);
    if ('problem' in key)
      return context.verbose(`${file ?? 'a key in ssh-agent'} is not used: ${key.problem}`);
    if (found.has(key.key)) return;
    const inAgent = agent.some(one => one.startsWith(key.key));
    found.set(key.key, { ...key, line: line.trim(), inAgent, ...(file !== undefined && { file }) });
  };
  const preferred = preferredKey(home, io.env);
  const files = [preferred, ...NAMES.map(name => join(folder, name))];
  for (const file of files) if (file) addFile(file, add, context);
  for (const line of agent) add(line);
  addFile(ownKeyFile(home), add, context);
  return [...found.values()];
}

/** The key in a file. Throws CliError when it cannot be used. */
export function readKey(file: string): PersonKey {
  let line: string | undefined;
  try {
    line = publicLine(file);
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (line === undefined)
    throw new CliError(`there is no key ${file}, or no ${file}.pub beside it`, {
      next: `ssh-keygen -t ed25519 -f ${file}`,
    });
  const key = parseSshPublicKey(line);
  if ('problem' in key) throw new CliError(`${file}: ${key.problem}`, { next: 'ssh-keygen -t ed25519' });
  return { ...key, line: line.trim(), file, inAgent: false };
}

function addFile(file: string, add: (line: string, file: string) => void, context: CommandContext): void {
  if (!existsSync(file)) return;
  try {
    const line = publicLine(file);
    if (line === undefined)
      context.verbose(`${file} is not used: it has a passphrase and there is no ${file}.pub`);
    else add(line, file);
  } catch (error) {
    context.verbose(`${file} is not used: ${(error as Error).message}`);
  }
}

function publicLine(file: string): string | undefined {
  if (existsSync(`${file}.pub`)) return readFileSync(`${file}.pub`, 'utf8');
  if (!existsSync(file)) return undefined;
  try {
    return publicKeyOf(readFileSync(file));
  } catch {
    return undefined;
  }
}

async function agentKeys({ io, signal }: CommandContext): Promise<string[]> {
  if (!io.env.SSH_AUTH_SOCK) return [];
  const { code, stdout } = await capture('ssh-add', ['-L'], { env: io.env, signal });
  return code === 0 ? stdout.split('\n').filter(Boolean) : [];
}

/** A new ed25519 key, readable for its owner alone, in a folder that is so too. Never replaces a file. */
export async function makeKey(file: string): Promise<PersonKey> {
  const { privateKey, publicKey } = generateSshKey(`${userInfo().username}@${hostname()}`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (existsSync(file)) throw new CliError(`${file} is there already`, { next: 'name another with --key' });
  await writeFileWhole(`${file}.pub`, `${publicKey}\n`, { mode: 0o644 });
  await writeFileWhole(file, privateKey);
  return readKey(file);
}

/** ssh refuses a private key that others can read. Whether something had to be changed. */
export function closeKey({ file }: PersonKey): boolean {
  if (!file || !existsSync(file) || (statSync(file).mode & 0o077) === 0) return false;
  chmodSync(file, 0o600);
  return true;
}

/** Signs as `ssh-keygen -Y sign` does, by ssh-agent where the key is in it. Throws CliError. */
export async function signWith(
  key: PersonKey,
  { message, namespace }: { message: string; namespace: string },
  { io, signal }: CommandContext,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-sign-'));
  try {
    const byAgent = join(folder, 'key.pub');
    await writeFile(byAgent, `${key.line}\n`);
    const from = key.inAgent || !key.file ? byAgent : key.file;
    const args = ['-q', '-Y', 'sign', '-n', namespace, '-f', from];
    const { code, stdout, stderr } = await capture('ssh-keygen', args, {
      env: io.env,
      signal,
      stdin: message,
    });
    if (code === 0) return stdout;
    throw new CliError(`the key ${key.fingerprint} does not sign: ${stderr.trim().split('\n').at(-1)}`, {
      next: key.file ? `ssh-add ${key.file}` : 'is ssh-agent there, and unlocked? ssh-add -l',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
