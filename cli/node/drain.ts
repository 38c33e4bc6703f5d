import type { Client } from '../../controller/client/client.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { NODE, WORKSPACE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { followObject } from '../wait/follow.ts';
import { changeNodes, nodeNames } from './change.ts';

export interface DrainFlags extends Flags {
  maxConcurrent?: number;
  wait: boolean;
  timeout?: string;
}

export const DRAIN_OPTIONS = {
  'max-concurrent': { type: 'number', describe: 'drain: workspaces that are moved or stopped at once; 1' },
  wait: {
    type: 'boolean',
    default: true,
    describe: 'drain, remove: wait until it is done (--no-wait: do not)',
  },
} as const;

const DEFAULT_TIMEOUT = '10m';

/** `nexus node drain`: moves what may be moved, stops the rest, and tells how far it is. */
export async function drainNodes(
  args: string[],
  flags: DrainFlags,
  context: CommandContext,
): Promise<number> {
  const { maxConcurrent = 1, timeout = DEFAULT_TIMEOUT } = flags;
  if (!Number.isInteger(maxConcurrent) || maxConcurrent < 1 || maxConcurrent > 1000)
    throw usageError('--max-concurrent takes a whole number from 1 to 1000');
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) throw usageError(`--timeout takes a duration such as 5m, not "${timeout}"`);
  const nodes = await changeNodes(
    nodeNames(args, 'nexus node drain NAME'),
    ({ spec }) =>
      spec?.unschedulable && spec.drain && spec.drain.maxConcurrent === maxConcurrent
        ? { said: 'is being drained already' }
        : { patch: { spec: { unschedulable: true, drain: { maxConcurrent } } }, said: 'draining' },
    context,
  );
  if (!flags.wait) return EXIT.done;
  const expired = new AbortController();
  const cancel = context.clock.after(timeoutMs, () => expired.abort());
  const signal = AbortSignal.any([context.signal, expired.signal]);
  try {
    const client = await context.client();
    const ends = await Promise.all(nodes.map(node => untilDrained(client, node, signal, context)));
    context.signal.throwIfAborted();
    const [late] = nodes.filter((_, i) => ends[i] === undefined);
    if (!late) return EXIT.done;
    throw new CliError(`node ${late.metadata.name} is not drained within ${timeout}; the drain goes on`, {
      exitCode: EXIT.timeout,
      next: `nexus node describe ${late.metadata.name}; nexus node uncordon ${late.metadata.name} takes it back`,
    });
  } finally {
    cancel();
  }
}

/** Tells each step on the way. Undefined when `signal` ended it. Throws CliError when it is taken back. */
async function untilDrained(
  client: Client,
  { metadata: { name, uid, generation = 0 } }: Node,
  signal: AbortSignal,
  context: CommandContext,
): Promise<true | undefined> {
  let told = '';
  for await (const node of followObject(client, NODE, { name }, { signal, clock: context.clock })) {
    if (!node || node.metadata.uid !== uid)
      throw new CliError(`node ${name} was removed`, { exitCode: EXIT.notFound });
    if (!node.spec?.drain)
      throw new CliError(`the drain of node ${name} was taken back by somebody`, { exitCode: EXIT.conflict });
    const drained = node.status?.conditions?.find(({ type }) => type === 'Drained');
    if (!drained || (drained.observedGeneration ?? 0) < generation) continue;
    if (drained.status === 'True') {
      context.print(`node/${name} drained`);
      await tellStopped(client, name, context);
      return true;
    }
    if (drained.message !== told) context.note(`${name}: ${drained.message}`);
    told = drained.message;
  }
  return undefined;
}

/** Those that may not be moved: their files are on this node alone. */
async function tellStopped(client: Client, node: string, context: CommandContext): Promise<void> {
  const { items } = await client.list(WORKSPACE, {
    fieldSelector: `status.nodeName=${node}`,
    signal: context.signal,
  });
  for (const { metadata, spec } of items)
    if (spec.running !== false && spec.onNodeLoss !== 'Reschedule')
      context.print(
        `workspace ${metadata.namespace}/${metadata.name} is stopped there until "nexus node uncordon ${node}": it may not be ` +
          'moved (spec.onNodeLoss)',
      );
}
