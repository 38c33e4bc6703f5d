import { Writable } from 'node:stream';

const HEADER_BYTES = 8;

/**
 * Takes apart the engine's stream of frames (1 byte stream, 3 bytes 0, 4 bytes length, payload) into stdout (1) and
 * stderr (2). Payload is passed on as it comes, never collected; when a reader is slow, so is this. Both are ended with it.
 */
export class Demultiplexer extends Writable {
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  #header = Buffer.alloc(0);
  #left = 0;
  #target: Writable;

  constructor(stdout: Writable, stderr: Writable) {
    super();
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#target = stdout;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = HEADER_BYTES - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#header.length < HEADER_BYTES) break;
        this.#target = this.#header[0] === 2 ? this.#stderr : this.#stdout;
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
      } else {
        const payload = rest.subarray(0, this.#left);
        this.#left -= payload.length;
        rest = rest.subarray(payload.length);
        if (!this.#target.destroyed) this.#target.write(payload);
      }
    }
    Promise.all([drained(this.#stdout), drained(this.#stderr)]).then(() => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stdout.end();
    this.#stderr.end();
    done();
  }
}

function drained(stream: Writable): Promise<void> | undefined {
  if (!stream.writableNeedDrain || stream.destroyed) return undefined;
  return new Promise(resolve => {
    const onDone = () => {
      stream.off('drain', onDone).off('close', onDone);
      resolve();
    };
    stream.on('drain', onDone).on('close', onDone);
  });
}
