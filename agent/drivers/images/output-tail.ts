import type { Readable } from 'node:stream';

const TAIL_CHARS = 1500;

/**
 * The end of what programs of an image print. They are anybody's: what they print is kept in no other length, and has no
 * lines that anybody waits for the end of.
 */
export class OutputTail {
  #text = '';

  /** Trimmed. */
  get text(): string {
    return this.#text.trim();
  }

  /** Reads streams to their end. `onLine` is called with the last line, as far as it goes, whenever there is more. */
  follow(streams: Readable[], onLine: (line: string) => void): void {
    for (const stream of streams)
      stream
        .setEncoding('utf8')
        .on('error', () => {})
        .on('data', (chunk: string) => {
          this.#text = (this.#text + chunk.slice(-TAIL_CHARS)).slice(-TAIL_CHARS);
          const line = this.text.split('\n').at(-1)?.trim().slice(0, 120);
          if (line) onLine(line);
        });
  }
}
