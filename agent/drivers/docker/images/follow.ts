import { createInterface } from 'node:readline';
import { addAbortSignal, type Readable } from 'node:stream';

/** Reads an answer of the engine that comes as lines of JSON, to its end. Lines that are none are left out. */
export async function followLines<T>(
  stream: Readable,
  signal: AbortSignal,
  handle: (line: T) => void,
): Promise<void> {
  addAbortSignal(signal, stream);
  const failed = new Promise<never>((_, reject) => stream.on('error', reject));
  failed.catch(() => {});
  const lines = createInterface({ input: stream });
  const read = async () => {
    for await (const text of lines) {
      try {
        handle(JSON.parse(text) as T);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
  };
  try {
    await Promise.race([read(), failed]);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  signal.throwIfAborted();
}
