import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { LABEL_NODE, LABEL_PLACEMENT } from '../../../crds/names.ts';
import { DriverError, type EngineEvent } from '../../driver.ts';
import { EventQueue } from '../event-queue.ts';
import type { DockerContext } from './context.ts';
import { engineCall } from './errors.ts';

interface Message {
  Type?: string;
  Action?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/** Docker's and Podman's words. Everything else (exec, attach, top …) is noise. */
const CONTAINER_ACTIONS: Record<string, EngineEvent['type']> = {
  start: 'started',
  unpause: 'started',
  die: 'died',
  died: 'died',
  pause: 'died',
  destroy: 'removed',
  remove: 'removed',
  update: 'changed',
  rename: 'changed',
};

/**
 * The engine's events about this node. Engines give no labels with events of volumes, so `placementOfVolume` tells whether
 * one is ours and whose.
 */
export async function* watchEngine(
  { docker, node }: DockerContext,
  signal: AbortSignal,
  placementOfVolume: (name: string) => { placement?: string } | undefined,
): AsyncGenerator<EngineEvent, void, undefined> {
  if (signal.aborted) return;
  const events = new EventQueue();
  const streams: Readable[] = [];
  const onAbort = () => events.close();
  signal.addEventListener('abort', onAbort, { once: true });
  const follow = async (filters: Record<string, string[]>, handle: (message: Message) => void) => {
    const stream = (await engineCall('watch', () => docker.getEvents({ filters }))) as Readable;
    streams.push(stream);
    const lost = (error?: Error) =>
      events.fail(
        new DriverError('EngineUnavailable', 'the engine ended its event stream', { cause: error }),
      );
    stream.on('error', lost).on('close', () => lost());
    createInterface({ input: stream })
      .on('line', line => handle(parse(line)))
      .on('error', lost);
  };
  try {
    await Promise.all([
      follow({ type: ['container'], label: [`${LABEL_NODE}=${node}`] }, ({ Action, Actor }) => {
        const type = CONTAINER_ACTIONS[Action ?? ''];
        if (type) events.push({ type, placement: Actor?.Attributes?.[LABEL_PLACEMENT] });
      }),
      follow({ type: ['volume'] }, ({ Action, Actor }) => {
        if (Action !== 'destroy' && Action !== 'remove') return;
        // Podman gives the name as an attribute.
        const ours = placementOfVolume(Actor?.ID || (Actor?.Attributes?.name ?? ''));
        if (ours) events.push({ type: 'volume-removed', ...ours });
      }),
    ]);
    yield { type: 'changed' };
    yield* events;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const stream of streams) stream.destroy();
  }
}

function parse(line: string): Message {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return {};
  }
}
