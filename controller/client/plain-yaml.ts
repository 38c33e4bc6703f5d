/** A plain scalar that every YAML reader takes as a string: nothing that could be a number, a boolean, null or syntax. */
const PLAIN = /^(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z/_][A-Za-z0-9/_.:@=+-]*$/i;
const LINE = /^( *)(- )?(?:([A-Za-z][A-Za-z0-9-]*):(?: (\S+))?)$/;

type Value = string | Value[] | { [key: string]: Value };
interface Line {
  indent: number;
  item: boolean;
  key: string;
  value: string | undefined;
}

/**
 * Reads the YAML that a kubeconfig is usually written in: maps, lists of maps and plain words, one to a line, without
 * loading a YAML library, which takes longer than the question to the server. Undefined for anything else.
 */
export function readPlainYaml(text: string): Record<string, Value> | undefined {
  const lines: Line[] = [];
  for (const raw of text.split('\n')) {
    if (raw.trim() === '' || /^\s*#/.test(raw)) continue;
    const match = LINE.exec(raw);
    const value = match?.[4];
    if (!match || (value !== undefined && (!PLAIN.test(value) || value.endsWith(':')))) return undefined;
    const item = match[2] !== undefined;
    const indent = (match[1] as string).length;
    lines.push({ indent, item, key: match[3] as string, value });
  }
  const state = { lines, at: 0 };
  const value = lines.length === 0 || lines[0]?.indent !== 0 ? undefined : readMap(state, 0);
  return state.at === lines.length ? value : undefined;
}

interface State {
  lines: Line[];
  at: number;
}

/** Keys at exactly `indent`. The first may stand behind the dash of a list, two columns before. */
function readMap(state: State, indent: number): Record<string, Value> | undefined {
  const map: Record<string, Value> = {};
  for (let first = true; ; first = false) {
    const line = state.lines[state.at];
    const column = line && line.indent + (line.item ? 2 : 0);
    if (!line || (line.item && !first) || column !== indent) return map;
    if (Object.hasOwn(map, line.key) || line.key === '__proto__') return undefined;
    state.at++;
    const value = line.value ?? readBelow(state, indent);
    if (value === undefined) return undefined;
    map[line.key] = value;
  }
}

function readBelow(state: State, indent: number): Value | undefined {
  const next = state.lines[state.at];
  if (next?.item && next.indent >= indent) return readList(state, next.indent);
  return next && next.indent > indent ? readMap(state, next.indent) : undefined;
}

function readList(state: State, indent: number): Value[] | undefined {
  const list: Value[] = [];
  for (let line = state.lines[state.at]; line?.item && line.indent === indent; line = state.lines[state.at]) {
    const map = readMap(state, indent + 2);
    if (map === undefined) return undefined;
    list.push(map);
  }
  return list;
}
