import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from './clock.ts';

export interface RotatedFileOptions {
  /** Its folder is made when it is not there. Older parts stand beside it, as `<name>-<time>-<number>.<extension>`. */
  readonly file: string;
  /** Of one part; a line that does not fit begins the next one. */
  readonly maxBytes: number;
  /** Parts that are kept, the present one among them. At least 1. */
  readonly maxFiles: number;
  readonly clock: Clock;
}

/** Lines that wait for the disk, at most. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** A file of lines that is begun anew when it is large, and of which the oldest parts go. For one process. */
export class RotatedFile {
  readonly #options: RotatedFileOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #size = 0;
  #rotations = 0;
  #onResult: (error: Error | undefined) => void = () => {};

  constructor(options: RotatedFileOptions) {
    this.#options = options;
  }

  /** Calls `fn` after each write to the disk, with its error if it failed. */
  onResult(fn: (error: Error | undefined) => void): void {
    this.#onResult = fn;
  }

  /** Takes a line to be written soon. false: too much waits already, it is lost. */
  write(line: string): boolean {
    if (this.#waitingBytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#run();
    return true;
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(lines);
        this.#onResult(undefined);
      } catch (error) {
        this.#onResult(error as Error);
        await this.#handle?.close().catch(() => {});
        this.#handle = undefined;
      }
    }
    this.#writing = undefined;
  }

  async #append(lines: readonly string[]): Promise<void> {
    let part: Buffer[] = [];
    let bytes = 0;
    for (const line of lines) {
      const data = Buffer.from(line);
      await this.#open();
      if (this.#size + bytes > 0 && this.#size + bytes + data.length > this.#options.maxBytes) {
        await this.#put(part, bytes);
        [part, bytes] = [[], 0];
        await this.#rotate();
      }
      part.push(data);
      bytes += data.length;
    }
    await this.#put(part, bytes);
  }

  async #put(part: readonly Buffer[], bytes: number): Promise<void> {
    await this.#open();
    if (bytes > 0) await this.#handle!.appendFile(Buffer.concat(part, bytes));
    this.#size += bytes;
  }

  async #open(): Promise<void> {
    if (this.#handle) return;
    const { file } = this.#options;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    this.#handle = await open(file, 'a', 0o600);
    this.#size = (await this.#handle.stat()).size;
  }

  async #rotate(): Promise<void> {
    const { file, clock, maxFiles } = this.#options;
    await this.#handle!.close();
    this.#handle = undefined;
    const [, stem, extension = ''] = /^(.*?)(\.[^./]*)?$/s.exec(file)!;
    const time = new Date(clock.now()).toISOString().replaceAll(':', '-').replace('Z', '');
    const parts = async () =>
      (await readdir(dirname(file)))
        .map(name => join(dirname(file), name))
        .filter(path => path.startsWith(`${stem}-`) && path.endsWith(extension))
        .sort();
    // The number keeps those of one millisecond apart, and in order.
    const number = String(this.#rotations++ % 10_000).padStart(4, '0');
    await rename(file, `${stem}-${time}-${number}${extension}`);
    const all = await parts();
    for (const old of all.slice(0, Math.max(0, all.length - (maxFiles - 1)))) await rm(old, { force: true });
  }
}
