import { Transform } from 'node:stream';
import { type LogPlace, MARK, prefixOf } from './script.ts';

const NEWLINE = 0x0a;

/**
 * Takes what `followScript` prints, lets the lines of logs through and notes in `places` how far each was read. Of several
 * logs whole lines alone, so that one that broke off comes whole when it is resumed.
 */
export function logReader(
  names: readonly string[],
  places: Map<string, LogPlace>,
): { stream: Transform; hasBegun(): boolean } {
  const logs = names.map(name => ({ name, prefix: Buffer.from(prefixOf(name, names)), isPlaced: false }));
  const only = logs.length === 1 ? logs[0] : undefined;
  let held: Buffer = Buffer.alloc(0);

  const takeLine = (line: Buffer): Buffer | undefined => {
    const log = logs.find(({ prefix }) => line.subarray(0, prefix.length).equals(prefix));
    if (!log) return line;
    const text = line.subarray(log.prefix.length);
    const place = places.get(log.name);
    if (log.isPlaced) {
      if (place) place.bytes += text.length;
      return line;
    }
    const found = new RegExp(`^${MARK}(\\d*) (\\d+)\n$`).exec(text.toString());
    if (!found) return line;
    log.isPlaced = true;
    places.set(log.name, { inode: found[1] ?? '', bytes: Number(found[2]) });
    return undefined;
  };

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const out: Buffer[] = [];
      let end = held.indexOf(NEWLINE);
      while (end >= 0 && !only?.isPlaced) {
        out.push(takeLine(held.subarray(0, end + 1)) ?? Buffer.alloc(0));
        held = held.subarray(end + 1);
        end = held.indexOf(NEWLINE);
      }
      if (only?.isPlaced) {
        // As it comes: a line that is not whole yet, too.
        const place = places.get(only.name);
        if (place) place.bytes += held.length;
        out.push(held);
        held = Buffer.alloc(0);
      }
      done(null, Buffer.concat(out));
    },
  });
  return { stream, hasBegun: () => logs.some(({ isPlaced }) => isPlaced) };
}
