import type { Metafile } from 'esbuild';

/** A name, and the modules that a pack is for: by their paths, or by a pattern of them. */
type Wanted = [string, ...(string | RegExp)[]];

export interface PackPlan {
  /** Each has what its modules need and none before it has. */
  first: Wanted[];
  /** Each has what its modules need and nobody else does; what several need is in a pack of theirs, named after them. */
  others: Wanted[];
  /** One more of the others, with what the plan does not name. */
  rest: string;
}

export interface AssignedPacks {
  /** Chunk that the program starts with. */
  start: string;
  /** Chunk → pack, in an order that is the same each time. */
  packs: Map<string, string>;
  /** Sources that run when the program starts and comes to the module `entry`, with whatever that loads on its way. */
  inputsOf(entry: string): string[];
}

type Output = Metafile['outputs'][string];

/** Decides which pack each chunk of a bundle comes into. Throws when a module of the plan begins no chunk. */
export function assignPacks({ outputs }: Metafile, plan: PackPlan): AssignedPacks {
  const chunks = Object.keys(outputs).sort();
  const output = (chunk: string) => outputs[chunk] as Output;
  const entries = new Map<string, string>();
  for (const chunk of chunks) {
    const { entryPoint } = output(chunk);
    if (entryPoint) entries.set(entryPoint, chunk);
  }
  const chunkOf = (entry: string): string => {
    const found = entries.get(entry);
    if (!found) throw new Error(`no chunk of the bundle begins with ${entry}`);
    return found;
  };
  const chunksOf = (wanted: string | RegExp): string[] =>
    typeof wanted === 'string'
      ? [chunkOf(wanted)]
      : [...entries].flatMap(([path, chunk]) => (wanted.test(path) ? [chunk] : []));
  const reach = (from: string[], options = { dynamic: false }): Set<string> => {
    const reached = new Set(from);
    for (const chunk of reached)
      for (const { path, kind, external } of output(chunk).imports)
        if (!external && (options.dynamic || kind !== 'dynamic-import')) reached.add(path);
    return reached;
  };

  const packs = new Map<string, string>();
  const give = (reached: Iterable<string>, name: string) => {
    for (const chunk of [...reached].sort()) if (!packs.has(chunk)) packs.set(chunk, name);
  };
  for (const [name, ...wanted] of plan.first) give(reach(wanted.flatMap(chunksOf)), name);
  // What begins a chunk belongs to the first that names it.
  const left = new Set([...entries.values()].filter(chunk => !packs.has(chunk)));
  const take = (from: string[]) => from.filter(chunk => left.delete(chunk));
  const named = plan.others.map(([name, ...wanted]) => ({ name, from: take(wanted.flatMap(chunksOf)) }));
  const others = [...named, { name: plan.rest, from: [...left] }].map(({ name, from }) => ({
    name,
    reached: reach(from),
  }));
  for (const chunk of chunks) {
    const names = others.filter(({ reached }) => reached.has(chunk)).map(({ name }) => name);
    give([chunk], names.join('-'));
  }

  const start = chunkOf(plan.first[0]?.[1] as string);
  return {
    start,
    packs,
    inputsOf(entry) {
      const reached = [...reach([start]), ...reach([chunkOf(entry)], { dynamic: true })];
      return [...new Set(reached.flatMap(chunk => Object.keys(output(chunk).inputs)))].sort();
    },
  };
}
