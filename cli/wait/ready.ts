import type { Client } from '../../controller/client/client.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../errors.ts';
import { createProgress, type Progress } from '../output/progress.ts';
import { refreshConfig } from '../ssh/config/update.ts';
import { nextSteps } from '../workspace/next-steps.ts';
import { followObject } from './follow.ts';
import { silenceTimer, silentNode } from './silent-node.ts';

type Verdict = { done: true; ok: boolean } | { done: false };

/** Whether a workspace is as its spec says, cannot become so, or is on its way. */
export function verdict(workspace: Workspace): Verdict {
  const { status, metadata, spec } = workspace;
  if (!status || status.observedGeneration !== metadata.generation) return { done: false };
  if (spec.running === false) return status.phase === 'Stopped' ? { done: true, ok: true } : { done: false };
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True' && ready.observedGeneration === metadata.generation)
    return { done: true, ok: true };
  return status.phase === 'Failed' ? { done: true, ok: false } : { done: false };
}

export interface WaitOptions {
  /** For how long one is waited for while something in it fails, again and again. Defaults to the whole time. */
  degradedMs?: Milliseconds;
}

/**
 * Follows workspaces until each is as declared: a live picture on a terminal, lines elsewhere. Resolves with the exit
 * code: done, failed when one cannot become ready, timeout when the time is over or the node of one is not heard (they go
 * on converging all the same).
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
  const progress = createProgress(
    context,
    objects.map(({ metadata }) => metadata.name),
  );
  try {
    const seen: Workspace[] = [];
    const latest = new Map<string, Workspace>();
    const results = await Promise.all(
      objects.map(({ metadata }) =>
        waitForOne(client, metadata, {
          ...{ signal, clock, progress, seen, latest },
          ...(degradedMs && { degradedMs }),
        }),
      ),
    );
    await refreshConfig(context, { seen });
    if (context.signal.aborted) {
      progress.end();
      const names = objects.map(({ metadata }) => metadata.name).join(' ');
      context.note(
        `left; the server goes on. \`nexus get ws ${names} -w\` follows, \`nexus delete ws ${names}\` takes it back.`,
      );
      context.signal.throwIfAborted();
    }
    progress.end();
    const late = objects.filter((_, i) => results[i] === undefined).map(({ metadata }) => metadata.name);
    if (late.length > 0) {
      const time = `${Number((timeoutMs / 1000).toFixed(1))} s`;
      for (const name of late) {
        const why = latest.get(name)?.status?.message;
        context.note(`error: ${name} is not ready within ${time}${why ? `: ${why}` : ''}`);
      }
      context.note(`next: nexus describe ws ${late[0]}`);
      return EXIT.timeout;
    }
    const unready = results.flatMap(result => (typeof result === 'object' ? result : []));
    const lost = unready.filter(silentNode);
    if (lost.length > 0) {
      for (const workspace of lost) context.note(`error: ${toldOfSilence(workspace)}`);
      context.note(`next: nexus node describe ${lost[0]?.status?.nodeName}`);
      return EXIT.timeout;
    }
    const [degraded] = unready;
    if (degraded) {
      const { metadata, status } = degraded;
      context.note(`error: ${metadata.name} is not ready, and goes on being tried: ${status?.message ?? ''}`);
      context.note(`next: ${nextSteps(degraded)[0]}`);
      return EXIT.failed;
    }
    const failed = objects.filter((_, i) => results[i] === false).map(({ metadata }) => metadata.name);
    if (failed.length === 0) return EXIT.done;
    for (const name of failed) {
      const { status } = seen.find(({ metadata }) => metadata.name === name) ?? {};
      context.note(
        status ? `error: ${name} cannot become ready: ${status.message ?? ''}` : `error: ${name} was deleted`,
      );
    }
    context.note(`next: nexus describe ws ${failed[0]}`);
    return EXIT.failed;
  } finally {
    cancel();
    progress.end();
  }
}

function toldOfSilence(workspace: Workspace): string {
  const what = workspace.spec.running === false ? 'is stopped' : 'becomes as declared';
  const { name } = workspace.metadata;
  return `node ${silentNode(workspace)} is silent: ${name} ${what} once its agent is heard again, and is not waited for`;
}

interface WaitForOne extends Pick<CommandContext, 'clock' | 'signal'>, WaitOptions {
  progress: Progress;
  /** Those that are no longer waited for. */
  seen: Workspace[];
  /** By name, as last seen. */
  latest: Map<string, Workspace>;
}

/** A service without a health check counts as up once it has stayed up for so long. */
const SETTLE_MS: Milliseconds = 2000;

const mayStillEnd = ({ spec }: Workspace) =>
  spec.running !== false && spec.services?.some(({ healthCheck }) => !healthCheck) === true;

/** Whether it became ready; itself when it stays degraded, or its node silent; undefined when the time is over. */
async function waitForOne(
  client: Client,
  key: { name: string; namespace?: string },
  { clock, progress, seen, latest, degradedMs, ...options }: WaitForOne,
): Promise<boolean | Workspace | undefined> {
  const patience = new AbortController();
  const settled = new AbortController();
  const signal = AbortSignal.any([options.signal, patience.signal, settled.signal]);
  let cancel: (() => void) | undefined;
  const silence = silenceTimer(clock, () => patience.abort());
  let unsettle: (() => void) | undefined;
  let last: Workspace | undefined;
  try {
    for await (const workspace of followObject(client, WORKSPACE, key, { clock, signal })) {
      if (!workspace) return false;
      const isFirst = last === undefined;
      last = workspace;
      latest.set(workspace.metadata.name, workspace);
      progress.update(workspace);
      const state = verdict(workspace);
      if (state.done && (!state.ok || isFirst || !mayStillEnd(workspace))) {
        seen.push(workspace);
        return state.ok;
      }
      if (state.done) {
        unsettle ??= clock.after(SETTLE_MS, () => settled.abort());
        continue;
      }
      unsettle?.();
      unsettle = undefined;
      silence.see(workspace);
      if (workspace.status?.phase !== 'Degraded') {
        cancel?.();
        cancel = undefined;
      } else if (degradedMs !== undefined) cancel ??= clock.after(degradedMs, () => patience.abort());
    }
    if (!last || !(patience.signal.aborted || unsettle)) return undefined;
    seen.push(last);
    return unsettle ? true : last;
  } finally {
    cancel?.();
    silence.stop();
    unsettle?.();
  }
}
