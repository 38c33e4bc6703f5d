import { mkdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { digest } from '../../controller/kit/hash.ts';
import { writeFileWhole } from '../../controller/kit/write-file.ts';
import type { CommandContext } from '../command.ts';
import { reachFile, sshFolder } from './places.ts';
import { probe, type Reach } from './probe.ts';
import type { SshServer } from './published.ts';

/** A way that works is taken this long without looking again, one that does not is passed over this long. */
const GOOD_MS = 600_000;
const BAD_MS = 30_000;
const MOST = 500;

type Known = Record<string, { at: number; reach: Reach }>;

/** An SSH server as seen from the network that this machine is in now: another network, another answer. */
function keyOf({ host, port, hostKeys }: SshServer): string {
  const addresses = Object.values(networkInterfaces()).flatMap(
    list => list?.filter(({ internal }) => !internal).map(({ address }) => address) ?? [],
  );
  return digest([host, port, hostKeys, addresses.sort()], 24);
}

async function read(home: string): Promise<Known> {
  try {
    return JSON.parse(await readFile(reachFile(home), 'utf8')) as Known;
  } catch {
    return {};
  }
}

/** Lost updates of two processes at once cost a probe, no more. */
async function write(home: string, known: Known): Promise<void> {
  const newest = Object.entries(known)
    .sort(([, a], [, b]) => b.at - a.at)
    .slice(0, MOST);
  await mkdir(sshFolder(home), { recursive: true, mode: 0o700 });
  await writeFileWhole(reachFile(home), JSON.stringify(Object.fromEntries(newest)));
}

/** Whether an SSH server can be reached directly; an answer of a while ago counts, unless `isFresh` is asked for. */
export async function reachOf(
  server: SshServer,
  { home, clock, signal }: Pick<CommandContext, 'home' | 'clock' | 'signal'>,
  { isFresh = false } = {},
): Promise<Reach> {
  const key = keyOf(server);
  const found = (await read(home))[key];
  const age = found ? clock.now() - found.at : Number.POSITIVE_INFINITY;
  if (!isFresh && found && age >= 0 && age < (found.reach.reachable ? GOOD_MS : BAD_MS)) return found.reach;
  const reach = await probe(server, signal);
  const isKnown = reach.reachable || !reach.isSlow;
  if (isKnown && !signal.aborted)
    await write(home, { ...(await read(home)), [key]: { at: clock.now(), reach } });
  return reach;
}

/** After a connection that failed: the next one looks again. */
export async function forgetReach(server: SshServer, home: string): Promise<void> {
  const { [keyOf(server)]: gone, ...known } = await read(home);
  if (gone) await write(home, known);
}
