import { globSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** As deep as ssh itself follows Include. */
const DEPTH = 16;

/**
 * Names that a person's own ssh configuration gives to hosts, following Include, without `except` (the file of ours).
 * Patterns are no names. What cannot be read holds none: ssh tells what is wrong with it.
 */
export function ownHosts(file: string, options: { home: string; except: string }): Set<string> {
  const names = new Set<string>();
  const seen = new Set<string>([options.except]);
  const read = (path: string, depth: number) => {
    if (depth > DEPTH || seen.has(path)) return;
    seen.add(path);
    for (const [keyword, ...words] of lines(path)) {
      if (keyword === 'host')
        for (const word of words) if (!/[*?!]/.test(word)) names.add(word.toLowerCase());
      if (keyword === 'include')
        for (const pattern of words)
          for (const found of matches(pattern, options.home)) read(found, depth + 1);
    }
  };
  read(file, 0);
  return names;
}

/** Keyword in lower case, and its words. */
function lines(path: string): string[][] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split(/\r?\n/).map(line => {
    const [, keyword = '', rest = ''] = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+|$)(.*)$/.exec(line) ?? [];
    const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
    return [keyword.toLowerCase(), ...words];
  });
}

function matches(pattern: string, home: string): string[] {
  const path = pattern.replace(/^~(?=\/)/, home);
  try {
    return globSync(isAbsolute(path) ? path : join(home, '.ssh', path));
  } catch {
    return [];
  }
}
