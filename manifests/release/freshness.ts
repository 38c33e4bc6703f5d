import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle } from './bundle.ts';

/** Path, size, and the times of content and inode, as main-checkout.cjs compares them. */
type Seen = [path: string, size: number, mtimeMs: number, ctimeMs: number];

/** What is installed in node_modules, and how the bundle is made of it. */
const ALWAYS = ['package.json', 'package-lock.json', 'node_modules/.package-lock.json', 'tsconfig.json'];
const HOW = 'manifests/release';

export interface Freshness {
  all: Seen[];
  /** Of a command that needs less, by its name. */
  commands: Record<string, Seen[]>;
}

/** What a bundle that was begun at `since` is fresh against. Throws when a source was written after that. */
export function freshnessOf(root: string, { all, commands }: Bundle['inputs'], since: number): Freshness {
  const how = [HOW, ...readdirSync(join(root, HOW)).map(name => `${HOW}/${name}`), ...ALWAYS];
  const see = (path: string): Seen[] => {
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    if (!found) return [];
    if (found.ctimeMs >= since) throw new Error(`${path} was written while it was bundled; build once more`);
    return [[path, found.size, found.mtimeMs, found.ctimeMs]];
  };
  const seen = (paths: string[]) => [...paths, ...how].flatMap(see);
  const ofCommands = Object.entries(commands).map(([name, paths]) => [name, seen(paths)]);
  return { all: seen(all), commands: Object.fromEntries(ofCommands) };
}

/** Whether the bundle in `out` is of the sources as they are, as main-checkout.cjs decides it. */
export function isFresh(root: string, out: string): boolean {
  try {
    const { all } = JSON.parse(readFileSync(join(out, 'checkout.json'), 'utf8')) as Freshness;
    return all.every(([path, size, mtimeMs, ctimeMs]) => {
      const now = statSync(join(root, path));
      return now.size === size && now.mtimeMs === mtimeMs && now.ctimeMs === ctimeMs;
    });
  } catch {
    return false;
  }
}
