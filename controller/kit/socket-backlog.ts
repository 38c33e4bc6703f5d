import type { Socket } from 'node:net';

/** Enough to keep a fast connection busy, and short of what a keystroke behind it would notice on a slow one. */
const LONG_BYTES = 256 * 1024;

/**
 * What a connection that carries many streams has been given and not sent. A stream waits while it is long, so that a
 * slow peer costs no memory and what one stream pours in delays the others by no more than that.
 */
export class SocketBacklog {
  readonly #socket: Socket;
  /** In the order in which they began to wait: they go on in turn. */
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.#release());
    socket.once('close', () => this.#release());
  }

  get isLong(): boolean {
    return this.#socket.writableLength > LONG_BYTES && !this.#socket.destroyed;
  }

  /** Calls `fn` when everything was sent, or the connection is closed. */
  onceShort(fn: () => void): void {
    this.#waiting.push(fn);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const fn of waiting) fn();
  }
}
