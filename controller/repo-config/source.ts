import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { Finding } from './repo-config.ts';

/** A configuration is a page, not a data set. */
const MAX_BYTES = 256 * 1024;
const MAX_ALIASES = 100;
/** More would help nobody. */
const MAX_YAML_ERRORS = 20;

export type Path = readonly (string | number)[];

/** The parsed text of a configuration, able to tell where in it something stands. */
export interface Source {
  value: unknown;
  problems: Finding[];
  /** About the value at `path`, or its key, or the nearest place above that is in the text. */
  at(path: Path, message: string, of?: 'key' | 'value'): Finding;
}

/** Reads YAML; what is wrong with it is in `problems`, and `value` is undefined then. */
export function readSource(text: string): Source {
  const lines = new LineCounter();
  const finding = (offset: number, path: Path, message: string): Finding => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  };
  if (Buffer.byteLength(text) > MAX_BYTES)
    return refused(finding(0, [], `the file is over ${MAX_BYTES / 1024} KiB; a configuration is a page`));
  let document: Document;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      merge: true,
    });
  } catch {
    // The parser goes down by calling itself.
    return refused(finding(0, [], 'it is nested too deeply'));
  }
  const at: Source['at'] = (path, message, of = 'value') =>
    finding(offsetOf(document, path, of), path, message);
  if (document.errors.length > 0)
    return {
      value: undefined,
      problems: document.errors.slice(0, MAX_YAML_ERRORS).map(e => finding(e.pos[0], [], e.message)),
      at,
    };
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }), problems: [], at };
  } catch (error) {
    return refused(finding(0, [], (error as Error).message));
  }
}

const refused = (problem: Finding): Source => ({
  value: undefined,
  problems: [problem],
  at: (path, message) => ({ ...problem, path, message }),
});

function offsetOf(document: Document, path: Path, of: 'key' | 'value'): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(
        ({ key }) => (isScalar(key) ? String(key.value) : undefined) === String(step),
      );
      if (!pair) return offset;
      const key = pair.key as Node;
      node = pair.value as Node | null;
      const place = isLast && of === 'key' ? key : (node ?? key);
      offset = place.range?.[0] ?? offset;
    } else {
      const next = document.getIn(path.slice(0, depth + 1), true) as Node | undefined;
      if (!next?.range) return offset;
      node = next;
      offset = next.range[0];
    }
  }
  return offset;
}
