import type { Client } from '../../controller/client/client.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../errors.ts';
import { createProgress, type Progress } from '../output/progress.ts';
import { refreshConfig } from '../ssh/config/update.ts';
import { followObject } from './follow.ts';
import { needsChange } from './needs-change.ts';
import { type End, outcomeOf } from './outcome.ts';
import { silenceTimer } from './silent-node.ts';
import { stoodTimer } from './stood-timer.ts';

/** Whether a workspace is as its spec says. */
export function isAsDeclared({ status, metadata, spec }: Workspace): boolean {
  if (!status || status.observedGeneration !== metadata.generation) return false;
  if (spec.running === false) return status.phase === 'Stopped';
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
}

export interface WaitOptions {
  /** For how long one is waited for while something in it fails, again and again. Defaults to the whole time. */
  degradedMs?: Milliseconds;
}

/**
 * Follows workspaces until each is as declared: a live picture on a terminal, lines elsewhere. Resolves with the exit
 * code: done; failed when one is so, was deleted, or only a change makes it ready; else timeout when the time is over or
 * the node of one is not heard. They go on converging all the same.
 */
export async function waitUntilReady(
  client: Client,
  objects: KubeObject[],
  timeoutMs: Milliseconds,
  context: CommandContext,
  { degradedMs }: WaitOptions = {},
): Promise<number> {
  if (objects.length === 0) return EXIT.done;
  const { clock } = context;
  const expired = new AbortController();
  const cancel = clock.after(timeoutMs, () => expired.abort());
  const signal = AbortSignal.any([context.signal, expired.signal]);
  const names = objects.map(({ metadata }) => metadata.name);
  const progress = createProgress(context, names);
  try {
    const waited = await Promise.all(
      objects.map(({ metadata }) => waitForOne(client, metadata, { signal, clock, progress, degradedMs })),
    );
    const seen = waited.flatMap(({ end, last }) =>
      last && end !== 'Late' && end !== 'Deleted' ? [last] : [],
    );
    await refreshConfig(context, { seen });
    progress.end();
    if (context.signal.aborted) {
      const all = names.join(' ');
      context.note(
        `left; the server goes on. \`nexus get ws ${all} -w\` follows, \`nexus delete ws ${all}\` takes it back.`,
      );
      context.signal.throwIfAborted();
    }
    const outcomes = waited.map(({ end, last }, i) => outcomeOf(names[i] as string, end, last, timeoutMs));
    for (const { error } of outcomes) if (error !== undefined) context.note(`error: ${error}`);
    const codes = outcomes.map(({ exitCode }) => exitCode);
    const worst = [EXIT.failed, EXIT.timeout].find(code => codes.includes(code));
    const next = outcomes.find(one => one.exitCode === worst && one.next !== undefined)?.next;
    if (worst !== undefined && next !== undefined) context.note(`next: ${next}`);
    return worst ?? EXIT.done;
  } finally {
    cancel();
    progress.end();
  }
}

/** A service without a health check counts as up once it has stayed up for so long. */
const SETTLE_MS: Milliseconds = 2000;

/** What only a change ends is believed once it has stood for so long: the next try may be under way. */
const HOPELESS_MS: Milliseconds = 3000;

const mayStillEnd = ({ spec }: Workspace) =>
  spec.running !== false && spec.services?.some(({ healthCheck }) => !healthCheck) === true;

interface WaitForOne extends Pick<CommandContext, 'clock' | 'signal'> {
  progress: Progress;
  degradedMs: Milliseconds | undefined;
}

async function waitForOne(
  client: Client,
  key: { name: string; namespace?: string },
  { clock, progress, degradedMs, ...options }: WaitForOne,
): Promise<{ end: End; last?: Workspace }> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  let end: End = 'Late';
  const ends = (how: End) => () => {
    if (!over.signal.aborted) end = how;
    over.abort();
  };
  const timers = [
    stoodTimer(clock, SETTLE_MS, isAsDeclared, ends('Ready')),
    stoodTimer(clock, HOPELESS_MS, workspace => needsChange(workspace) !== undefined, ends('NeedsChange')),
    silenceTimer(clock, ends('Silent')),
  ];
  if (degradedMs !== undefined)
    timers.push(
      stoodTimer(clock, degradedMs, ({ status }) => status?.phase === 'Degraded', ends('Degraded')),
    );
  let last: Workspace | undefined;
  try {
    for await (const workspace of followObject(client, WORKSPACE, key, { clock, signal })) {
      if (!workspace) return { end: 'Deleted' };
      const isFirst = last === undefined;
      last = workspace;
      progress.update(workspace);
      if (isAsDeclared(workspace) && (isFirst || !mayStillEnd(workspace))) return { end: 'Ready', last };
      for (const timer of timers) timer.see(workspace);
    }
    return { end, ...(last && { last }) };
  } finally {
    for (const timer of timers) timer.stop();
  }
}
