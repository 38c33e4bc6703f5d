import type { KubeObject, Status } from '../../crds/object.ts';
import { ApiError } from '../kit/errors.ts';
import type { WatchEvent } from './client.ts';

/** A line longer than this is not an event. */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Lines of a byte stream, whatever its chunks; empty ones are left out. A last line without its end is given too. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const rest = chunk.subarray(from, end);
      const line = (parts.length > 0 ? Buffer.concat([...parts, rest]) : rest).toString('utf8').trim();
      parts = [];
      size = 0;
      from = end + 1;
      if (line) yield line;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
      if (size > maxBytes)
        throw new ApiError('InternalError', `the server sent a line of more than ${maxBytes} bytes`);
    }
  }
  const last = Buffer.concat(parts).toString('utf8').trim();
  if (last) yield last;
}

/** Events of a watch's body. An ERROR event is thrown as ApiError; what is no event is Unreachable: the stream was cut. */
export async function* watchEvents<T extends KubeObject>(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of splitLines(chunks)) {
    const event = parse(line);
    if (event.type === 'ERROR') throw ApiError.fromStatus(event.object as unknown as Partial<Status>);
    yield event as WatchEvent<T>;
  }
}

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function parse(line: string): { type: string; object: KubeObject } {
  let cause: unknown;
  try {
    const event = JSON.parse(line) as { type?: string; object?: KubeObject };
    if (TYPES.has(event.type ?? '') && typeof event.object === 'object' && event.object !== null)
      return event as { type: string; object: KubeObject };
  } catch (error) {
    cause = error;
  }
  throw new ApiError('Unreachable', 'the watch broke off in the middle of an event', undefined, { cause });
}
