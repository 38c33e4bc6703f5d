import { GUEST_LOG_DIR } from '../../agent/guest/guest.ts';
import { shellWord } from '../../controller/kit/shell-quote.ts';

/** How far a log was read: so many bytes from the start of the file with this inode, over its rotations. */
export interface LogPlace {
  inode: string;
  bytes: number;
}

/** Begins the line that tells the place of what comes after it: `<MARK>INODE BYTES`. Each log has one, after lines of the past. */
export const MARK = 'nexus log place ';

/** What the lines of a log begin with when there are several. */
export function prefixOf(name: string, names: readonly string[]): string {
  return names.length === 1 ? '' : `${name.padEnd(Math.max(...names.map(one => one.length)))} | `;
}

/** A line for a POSIX shell that prints what is kept of logs, oldest first; `tail` lines, -1: all. */
export function pastScript(names: readonly string[], tail: number): string {
  const parts = names.map(name => prefixed(name, names, past(name, tail)));
  return parts.length === 1 ? (parts[0] as string) : `${parts.join(' & ')} & wait`;
}

/** The same that then goes on; of logs whose place is known from there on, without a line twice. */
export function followScript(
  names: readonly string[],
  tail: number,
  places: ReadonlyMap<string, LogPlace>,
): string {
  const parts = names.map(name => {
    const place = places.get(name);
    return prefixed(name, names, place ? resumed(name, place) : followed(name, tail));
  });
  // Nothing tells `tail` that nobody reads any more; the end of standard input does.
  return `${parts.map(part => `{ ${part}; } &`).join(' ')} cat >/dev/null; trap '' TERM; kill -TERM 0`;
}

function prefixed(name: string, names: readonly string[], script: string): string {
  const prefix = prefixOf(name, names);
  return prefix === '' ? script : `{ ${script}; } | sed -u ${shellWord(`s/^/${prefix}/`)}`;
}

const fileOf = (name: string) => shellWord(`${GUEST_LOG_DIR}/${name}.log`);

function past(name: string, tail: number): string {
  const all = `cat ${fileOf(name)}.1 ${fileOf(name)} 2>/dev/null`;
  return tail === -1 ? all : `{ ${all}; } | tail -n ${tail}`;
}

const inodeOf = (file: string) => `$(stat -c %i ${file} 2>/dev/null)`;
const sizeOf = (file: string) => `$(cat ${file} 2>/dev/null | wc -c)`;

/** From byte `at` of the log on, over rotation by name (-F): one reader, so that no line falls between two. */
const goOn = (file: string) => `echo "${MARK}$inode $at"; exec tail -c +$((at + 1)) -F ${file} 2>/dev/null`;

function followed(name: string, tail: number): string {
  const file = fileOf(name);
  if (tail === -1) return `inode=${inodeOf(file)}; at=0; cat ${file}.1 2>/dev/null; ${goOn(file)}`;
  return [
    `inode=${inodeOf(file)}; size=${sizeOf(file)}`,
    `have=$(head -c $size ${file} 2>/dev/null | wc -l)`,
    `[ $have -ge ${tail} ] || tail -n $((${tail} - have)) ${file}.1 2>/dev/null`,
    `at=$((size - $(head -c $size ${file} 2>/dev/null | tail -n ${tail} | wc -c)))`,
    goOn(file),
  ].join('; ');
}

/** A log that is another one than it was, as after another image, from its beginning. */
function resumed(name: string, { inode, bytes }: LogPlace): string {
  const file = fileOf(name);
  const rest = `old=${sizeOf(`${file}.1`)}; if [ ${bytes} -lt $old ]; then tail -c +${bytes + 1} ${file}.1; else at=$((${bytes} - old)); fi`;
  return [
    `inode=${inodeOf(file)}; at=0`,
    `if [ "$inode" = '${inode}' ]; then at=${bytes}; elif [ "${inodeOf(`${file}.1`)}" = '${inode}' ]; then ${rest}; else cat ${file}.1 2>/dev/null; fi`,
    goOn(file),
  ].join('; ');
}
