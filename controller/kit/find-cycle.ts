/**
 * The first cycle, its first name repeated at the end. Names that are not keys end a path. Without recursion, so that
 * no chain is too long.
 */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  for (const root of dependencies.keys()) {
    const path: string[] = [];
    const onPath = new Set<string>();
    const stack: { name: string; next: number }[] = [];
    const enter = (name: string) => {
      path.push(name);
      onPath.add(name);
      stack.push({ name, next: 0 });
    };
    if (!finished.has(root)) enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const dependency = dependencies.get(top.name)?.[top.next++];
      if (dependency === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.name);
        finished.add(top.name);
      } else if (onPath.has(dependency)) return [...path.slice(path.indexOf(dependency)), dependency];
      else if (!finished.has(dependency)) enter(dependency);
    }
  }
  return undefined;
}
