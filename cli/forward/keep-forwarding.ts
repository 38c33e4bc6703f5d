import type { Socket } from 'node:net';
import { slept } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import { splice } from '../../controller/kit/splice.ts';
import type { CommandContext } from '../command.ts';
import type { Link } from './link.ts';

export interface ForwardingOptions {
  /** Opens a link; rejects while there is no way. */
  open(attempt: { isFresh: boolean }): Promise<{ link: Link; told: string }>;
  /** Whether waiting cannot help. */
  isFinal(error: unknown): boolean;
  context: Pick<CommandContext, 'clock' | 'signal' | 'note'>;
  random?: () => number;
}

export interface Forwarding {
  /** Carries a connection to the port `remote` as soon as there is a link. */
  take(socket: Socket, remote: number): void;
  /** Resolves when the signal is aborted; rejects when it never stood, or cannot stand any more. */
  run(onUp: () => void): Promise<void>;
}

/** Several of these may come at once, from the first on: a restart takes about a second. */
const BACKOFF = { baseMs: 500, maxMs: 10_000 };
/** Who connects while the link is away is kept waiting this long. */
const HOLD_MS: Milliseconds = 20_000;
/** So many of them at most. */
const MAX_HELD = 256;

/** Keeps a link to a workspace, made again whenever it breaks, and says when it went and came back. */
export function createForwarding(options: ForwardingOptions): Forwarding {
  const { context, isFinal, random = Math.random } = options;
  const { clock, signal, note } = context;
  const backoff = new Backoff(BACKOFF, random);
  const held = new Set<{ socket: Socket; remote: number; cancel: () => void }>();
  let link: Link | undefined;
  let everStood = false;
  let lostAt: Milliseconds | undefined;
  /** Each reason is told once. */
  let toldWhy = '';

  const release = (then: (socket: Socket, remote: number) => void) => {
    for (const { socket, remote, cancel } of held) {
      cancel();
      then(socket, remote);
    }
    held.clear();
  };

  const stands = (opened: Link, told: string, onUp: () => void) => {
    link = opened;
    if (lostAt !== undefined)
      note(`connected again after ${((clock.now() - lostAt) / 1000).toFixed(1)} s, ${told}`);
    if (!everStood) onUp();
    everStood = true;
    lostAt = undefined;
    toldWhy = '';
    backoff.reset();
    release((socket, remote) => splice(socket, opened.dial(remote)));
  };

  /** From nothing to a link that is over. Rejects when it never stood. */
  const once = async (onUp: () => void) => {
    const { link: opened, told } = await options.open({ isFresh: everStood });
    const stop = () => opened.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) return;
      await opened.up;
      stands(opened, told, onUp);
      const why = await opened.ended;
      lostAt = clock.now();
      if (!signal.aborted) note(`connection lost (${why}); the ports stay open here. Connecting again …`);
    } finally {
      link = undefined;
      signal.removeEventListener('abort', stop);
      opened.stop();
    }
  };

  return {
    take(socket, remote) {
      socket.on('error', () => socket.destroy());
      if (link) return splice(socket, link.dial(remote));
      if (held.size >= MAX_HELD) return void socket.destroy();
      const waiting = { socket, remote, cancel: clock.after(HOLD_MS, () => socket.destroy()) };
      held.add(waiting);
      socket.once('close', () => {
        waiting.cancel();
        held.delete(waiting);
      });
    },

    async run(onUp) {
      try {
        while (!signal.aborted) {
          try {
            await once(onUp);
          } catch (error) {
            if (signal.aborted) return;
            if (!everStood || isFinal(error)) throw error;
            const why = (error as Error).message.replace(/\s*\n\s*/g, ' ');
            if (why !== toldWhy) note(`not yet: ${why}`);
            toldWhy = why;
          }
          if (!(await slept(clock, backoff.next(), signal))) return;
        }
      } finally {
        release(socket => socket.destroy());
      }
    },
  };
}
