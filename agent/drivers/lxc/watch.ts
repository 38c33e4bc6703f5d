import type WebSocket from 'ws';
import type { Clock } from '../../../controller/kit/clock.ts';
import { LABEL_NODE, LABEL_PLACEMENT } from '../../../crds/names.ts';
import { DriverError, type EngineEvent } from '../../driver.ts';
import { EventQueue } from '../event-queue.ts';
import { Silence } from '../silence.ts';
import { lxdCall } from './api/lxd-error.ts';
import type { LxdInstance } from './api/types.ts';
import type { Known, LxcContext } from './context.ts';
import { instancePath } from './instances.ts';
import { KEY, labelOf } from './names.ts';

interface Lifecycle {
  metadata?: { action?: string; source?: string };
}

/** LXD's and Incus' words. Everything else (exec, files, console …) is noise. */
const INSTANCE_ACTIONS: Record<string, EngineEvent['type']> = {
  'instance-started': 'started',
  'instance-restarted': 'started',
  'instance-resumed': 'started',
  'instance-stopped': 'died',
  'instance-shutdown': 'died',
  'instance-paused': 'died',
  'instance-deleted': 'removed',
  'instance-updated': 'changed',
  'instance-renamed': 'changed',
};

/** Days may pass without an event: LXD is asked for a sign of life, and gone when it gives none. */
const PING_MS = 20_000;
const SILENCE_MS = 60_000;

/** LXD's events about this node. They bear no labels: whose an instance or volume is was seen before, or is looked up. */
export async function* watchEngine(
  context: LxcContext,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, undefined> {
  if (signal.aborted) return;
  const events = new EventQueue();
  const onAbort = () => events.close();
  signal.addEventListener('abort', onAbort, { once: true });
  const socket = context.lxd.webSocket('/1.0/events?type=lifecycle');
  const lost = (error?: Error) =>
    events.fail(new DriverError('EngineUnavailable', 'LXD ended its events', { cause: error }));
  let turn: Promise<void> = Promise.resolve();
  // One after the other, as the order matters.
  socket.on('message', (data: Buffer) => {
    turn = turn.then(async () => {
      const event = await toEvent(context, parse(data)).catch(() => ({ type: 'changed' as const }));
      if (event) events.push(event);
    });
  });
  let stopListening = () => {};
  try {
    await lxdCall('watch', () => context.lxd.opened(socket, signal), signal);
    socket.on('error', lost).on('close', () => lost());
    stopListening = endWithSilence(socket, context.clock);
    yield { type: 'changed' };
    yield* events;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopListening();
    socket.on('error', () => {});
    socket.terminate();
  }
}

/** Ends a socket whose other end has gone without a word. */
function endWithSilence(socket: WebSocket, clock: Clock): () => void {
  const silence = new Silence(clock, SILENCE_MS, () => socket.terminate());
  const onLife = () => silence.heard();
  socket.on('message', onLife).on('ping', onLife).on('pong', onLife);
  const ping = () => {
    if (socket.readyState !== socket.OPEN) return () => {};
    socket.ping();
    return clock.after(PING_MS, () => {
      cancel = ping();
    });
  };
  let cancel = ping();
  return () => {
    cancel();
    silence.stop();
  };
}

async function toEvent(context: LxcContext, { metadata }: Lifecycle): Promise<EngineEvent | undefined> {
  const { action = '', source = '' } = metadata ?? {};
  const { instances, volumes } = context.placements;
  const name = decodeURIComponent(source.split('?')[0]?.split('/').at(-1) ?? '');
  const type = INSTANCE_ACTIONS[action];
  if (type) {
    const known = instances.get(name) ?? (type === 'removed' ? undefined : await lookUp(context, name));
    if (type === 'removed') instances.delete(name);
    return known && { type, ...known };
  }
  if (action !== 'storage-volume-deleted') return undefined;
  // LXD 5.0 puts the project before the name here.
  const volume = [name, name.replace(/^[^_]*_/, '')].find(candidate => volumes.get(candidate));
  if (volume === undefined) return undefined;
  const known = volumes.get(volume);
  volumes.delete(volume);
  return { type: 'volume-removed', ...known };
}

/** Undefined when it is none of this node's, or not whole yet. */
async function lookUp({ lxd, node, placements }: LxcContext, name: string): Promise<Known | undefined> {
  const found = await lxd.find<LxdInstance>(instancePath(name));
  if (!found || labelOf(found.config, LABEL_NODE) !== node || found.config[KEY.unfinished] !== undefined)
    return undefined;
  const known = { placement: labelOf(found.config, LABEL_PLACEMENT) };
  placements.instances.set(name, known);
  return known;
}

function parse(data: Buffer): Lifecycle {
  try {
    return JSON.parse(data.toString()) as Lifecycle;
  } catch {
    return {};
  }
}
