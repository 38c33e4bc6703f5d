import { Duplex } from 'node:stream';
import type { Channel } from 'ssh2';
import type { Clock, Milliseconds } from './clock.ts';
import type { SocketBacklog } from './socket-backlog.ts';

/**
 * An SSH channel as HTTP wants its sockets: ended and destroyed as other streams are, with a time limit on silence. ssh2's
 * own never says that it was destroyed, and ends as after a clean end when its connection is lost: who holds the connection
 * destroys these with the reason.
 */
export class ChannelSocket extends Duplex {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #backlog: SocketBacklog;
  #silenceMs: Milliseconds = 0;
  #cancel = () => {};

  constructor(channel: Channel, options: { clock: Clock; backlog: SocketBacklog }) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    this.#clock = options.clock;
    this.#backlog = options.backlog;
    channel.on('data', (chunk: Buffer) => {
      this.#arm();
      if (!this.push(chunk)) channel.pause();
    });
    channel.once('end', () => this.push(null));
    channel.once('close', () => {
      if (!this.readableEnded) this.push(null);
      if (!this.writableFinished) this.destroy(new Error('the channel was closed'));
    });
    channel.on('error', (error: Error) => this.destroy(error));
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#arm();
    const hasRoom = this.#channel.write(chunk);
    if (!hasRoom) this.#channel.once('drain', done);
    else if (this.#backlog.isLong) this.#backlog.onceShort(done);
    else done();
  }

  override _final(done: () => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#cancel();
    // Nobody reads it any more, and unread it would never close.
    this.#channel.resume();
    this.#channel.destroy();
    done(error);
  }

  /** Emits `timeout` after so long without a byte; 0: never, and `onTimeout` is forgotten. As net.Socket does. */
  setTimeout(ms: Milliseconds, onTimeout?: () => void): this {
    this.#silenceMs = ms;
    if (onTimeout && ms === 0) this.off('timeout', onTimeout);
    else if (onTimeout) this.once('timeout', onTimeout);
    this.#arm();
    return this;
  }

  // What node:http calls on every socket, and an SSH channel has not.
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  #arm(): void {
    this.#cancel();
    if (this.#silenceMs > 0 && !this.destroyed)
      this.#cancel = this.#clock.after(this.#silenceMs, () => this.emit('timeout'));
  }
}
