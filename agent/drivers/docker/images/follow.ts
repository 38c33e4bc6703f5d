import { createInterface } from 'node:readline';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Clock } from '../../../../controller/kit/clock.ts';
import { DriverError } from '../../../driver.ts';
import { DOWNLOAD_SILENCE_MS, Silence } from '../../silence.ts';

/**
 * Reads an answer of the engine that comes as lines of JSON, to its end. Lines that are none are left out. Throws
 * EngineUnavailable when no more of it comes.
 */
export async function followLines<T>(
  stream: Readable,
  { signal, clock }: { signal: AbortSignal; clock: Clock },
  handle: (line: T) => void,
): Promise<void> {
  addAbortSignal(signal, stream);
  const failed = new Promise<never>((_, reject) => stream.on('error', reject));
  failed.catch(() => {});
  const silence = new Silence(clock, DOWNLOAD_SILENCE_MS, () =>
    stream.destroy(
      new DriverError(
        'EngineUnavailable',
        `the engine told nothing of its work for ${DOWNLOAD_SILENCE_MS / 1000} s`,
      ),
    ),
  );
  const lines = createInterface({ input: stream });
  const read = async () => {
    for await (const text of lines) {
      silence.heard();
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
  } finally {
    silence.stop();
  }
  signal.throwIfAborted();
}
