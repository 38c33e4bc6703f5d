import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Client } from '../../controller/client/client.ts';
import { EVENT, NODE, PLACEMENT, type Resource, WORKSPACE } from '../../crds/kinds.ts';
import type { Event, KubeObject } from '../../crds/object.ts';

const ACCOUNT_MS = 20_000;
const MOST_EVENTS = 100;
const MOST_LINES = 120;
const LINE = 400;

interface Account {
  /** Whose Workspaces, Placements, Nodes and Events are told. */
  client?: Client;
  /** Names of logs, and what is in them. */
  logs?: Record<string, () => string>;
}

/**
 * Once `t` has failed, for whatever reason, tells as comments what there was then, so that nobody needs to run it again to see
 * why. Before what is told of is taken down: teardowns run in reverse order, so this comes after theirs.
 */
export function tellWhenFailed(t: Test, account: () => Account): void {
  t.teardown(async () => {
    if (t.passing()) return;
    const { client, logs = {} } = account();
    for (const [name, log] of Object.entries(logs)) t.comment(`== ${name}\n${lastLines(read(log))}`);
    if (client) t.comment(await Promise.race([objectsOf(client), silence()]));
  });
}

/** The end of a log without its requests, of which there are too many. */
export function lastLines(log: string, count = MOST_LINES): string {
  return log
    .trimEnd()
    .split('\n')
    .filter(line => !line.endsWith('"msg":"request"}'))
    .slice(-count)
    .map(line => line.slice(0, LINE))
    .join('\n');
}

function read(log: () => string): string {
  try {
    return log();
  } catch (error) {
    return (error as Error).message;
  }
}

async function silence(): Promise<string> {
  await pause(ACCOUNT_MS, undefined, { ref: false });
  return `the server did not tell its objects within ${ACCOUNT_MS / 1000} s`;
}

async function objectsOf(client: Client): Promise<string> {
  const parts: string[] = [];
  for (const kind of [NODE, PLACEMENT, WORKSPACE] as Resource<KubeObject & { status?: object }>[]) {
    const found = await client.list(kind).catch(failed);
    if (typeof found === 'string') parts.push(`== ${kind.kind}: ${found}`);
    else
      for (const { metadata, status } of found.items)
        parts.push(
          `== ${kind.kind} ${metadata.name}, generation ${metadata.generation}, at ${metadata.resourceVersion}${metadata.deletionTimestamp ? ', being deleted' : ''}\n${JSON.stringify(status)}`,
        );
  }
  const events = await client.list<Event>(EVENT).catch(failed);
  parts.push(`== Events${typeof events === 'string' ? `: ${events}` : ''}`);
  if (typeof events !== 'string') parts.push(...events.items.slice(-MOST_EVENTS).map(lineOf));
  return parts.join('\n');
}

const failed = (error: Error) => error.message;

function lineOf({
  involvedObject,
  reason,
  message,
  count = 1,
  firstTimestamp,
  lastTimestamp,
}: Event): string {
  return `${firstTimestamp} ${lastTimestamp} ${count}x ${involvedObject.kind} ${involvedObject.name} ${reason}: ${message?.slice(0, LINE)}`;
}
