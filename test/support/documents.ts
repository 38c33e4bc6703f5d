import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Document {
  /** From the root of the project. */
  path: string;
  text: string;
  /** Blocks of code, with the number of their first line. */
  blocks: { language: string; text: string; line: number }[];
  /** `code` in the text around them. */
  spans: { text: string; line: number }[];
}

/** What people read: the pages at the root and those of docs/. */
export function documents(): Document[] {
  const pages = (folder: string) => readdirSync(`${ROOT}${folder}`).filter(name => name.endsWith('.md'));
  return [...pages(''), ...pages('docs').map(name => `docs/${name}`)].map(path =>
    parse(path, readFileSync(`${ROOT}${path}`, 'utf8')),
  );
}

function parse(path: string, text: string): Document {
  const blocks: Document['blocks'] = [];
  const spans: Document['spans'] = [];
  let open: Document['blocks'][number] | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    const [, language] = /^\s*```(\w*)/.exec(line) ?? [];
    if (language !== undefined && open) open = undefined;
    else if (language !== undefined) {
      open = { language, text: '', line: i + 2 };
      blocks.push(open);
    } else if (open) open.text += `${line}\n`;
    else for (const [, span = ''] of line.matchAll(/`([^`]+)`/g)) spans.push({ text: span, line: i + 1 });
  }
  return { path, text, blocks, spans };
}

/** Words of a line of shell, quotes taken off; a list for each command of it. What follows a ` #` is none. */
export function shellCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  const tokens = line.matchAll(/(\s#.*$)|(&&|\|\||[;|])|((?:"[^"]*"|'[^']*'|\\.|[^\s"'\\;|&])+|&)/g);
  for (const [, comment, separator, word] of tokens) {
    if (comment !== undefined) break;
    if (separator !== undefined) commands.push([]);
    else if (word !== undefined) commands.at(-1)?.push(word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
  }
  return commands.filter(words => words.length > 0);
}
