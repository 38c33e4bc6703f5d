import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '../../controller/client/kubeconfig.ts';
import { type Clock, timestamp } from '../../controller/kit/clock.ts';
import { writeFileWhole } from '../../controller/kit/write-file.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { contextSlug } from '../ssh/places.ts';
import { type LoginAnswer, type Proof, proveAgain } from './prove.ts';

/** A login as it is kept: its present token, and how to get the next one. */
export interface KeptLogin {
  server: string;
  user: string;
  proof: Proof;
  token: string;
  /** RFC 3339, by this machine's clock. */
  expiresAt: string;
  /** From then on it is renewed. */
  renewAt: string;
}

/** Of the time that a token has, before it is renewed. */
const SHARE = 0.8;

const folderOf = (home: string) => join(home, 'logins');
const fileOf = (home: string, name: string) => join(folderOf(home), `${contextSlug(name)}.json`);

export async function readLogin(home: string, name: string): Promise<KeptLogin | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(home, name), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** In a file that its owner alone can read. */
export async function keepLogin(home: string, name: string, login: KeptLogin): Promise<void> {
  await mkdir(folderOf(home), { recursive: true, mode: 0o700 });
  await writeFileWhole(fileOf(home, name), `${JSON.stringify(login, null, 2)}\n`);
}

export const dropLogin = (home: string, name: string): Promise<void> =>
  rm(fileOf(home, name), { force: true });

export function keptFrom(server: string, proof: Proof, answer: LoginAnswer, clock: Clock): KeptLogin {
  const { user, token, expires_in: seconds } = answer;
  const now = clock.now();
  const expiresAt = timestamp(now + seconds * 1000);
  return { server, proof, user, token, expiresAt, renewAt: timestamp(now + seconds * 1000 * SHARE) };
}

/**
 * The present token of a login, renewed when it nears its end by proving the same again. Throws CliError noAccess when it
 * is over and cannot be renewed.
 */
export async function loginToken(
  connection: Pick<Connection, 'server' | 'ca'> & { login: string },
  context: CommandContext,
): Promise<string> {
  return (await currentLogin(connection, context)).token;
}

const inMemory = new WeakMap<CommandContext, KeptLogin>();

/** The same, with what else is known of it. */
export async function currentLogin(
  { login: name, server, ca }: Pick<Connection, 'server' | 'ca'> & { login: string },
  context: CommandContext,
): Promise<KeptLogin> {
  const { home, clock } = context;
  const next = `nexus login ${server.slice('https://'.length)}`;
  const isFresh = ({ renewAt }: KeptLogin) => Date.parse(renewAt) > clock.now();
  const known = inMemory.get(context);
  if (known && isFresh(known)) return known;
  const kept = await readLogin(home, name);
  if (!kept || kept.server !== server || ca === undefined)
    throw new CliError(`there is no login ${name} for ${server}`, { exitCode: EXIT.noAccess, next });
  if (isFresh(kept)) {
    inMemory.set(context, kept);
    return kept;
  }
  try {
    context.verbose(`the token of ${name} is renewed`);
    const answer = await proveAgain({ server, ca }, kept.proof, context);
    const renewed = keptFrom(server, kept.proof, answer, clock);
    await keepLogin(home, name, renewed);
    inMemory.set(context, renewed);
    return renewed;
  } catch (error) {
    // Good for a while yet.
    if (Date.parse(kept.expiresAt) > clock.now()) return kept;
    if (error instanceof CliError && error.exitCode !== EXIT.noAccess) throw error;
    throw new CliError(`the login at ${server} is over and cannot be renewed: ${(error as Error).message}`, {
      exitCode: EXIT.noAccess,
      next: (error as CliError).next ?? next,
      cause: error,
    });
  }
}
