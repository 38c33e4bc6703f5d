import type { Command, Io } from './command.ts';
import { COMMAND_GROUPS } from './commands.ts';
import { styleOf } from './output/style.ts';

const INTRODUCTION = 'Self-hosted development workspaces, declared and kept as declared.';
const BEGIN: [string, string][] = [
  ['nexus up', 'a server and a node on this machine'],
  ['nexus workspace create owner/repo', 'a workspace of a repository'],
  ['nexus ssh NAME', 'a shell in it'],
];
const END = [
  '`nexus COMMAND --help` tells the options of each, with examples; -v says what is decided on the way.',
  'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 timeout, 6 no access, 7 unreachable.',
];
const MAX_COLUMNS = 110;
const NAME_COLUMNS = 16;

/** What `nexus --help` prints: the commands by what they are for, and where to begin. */
export async function overview({ stdout, env }: Io): Promise<string> {
  const { color } = styleOf(stdout, env);
  const width = Math.min(MAX_COLUMNS, stdout.columns ?? MAX_COLUMNS);
  const heading = (text: string) => color(1, `${text}:`);
  const lines = [INTRODUCTION, '', 'nexus COMMAND [options]'];
  for (const [group, commands] of Object.entries(COMMAND_GROUPS)) {
    lines.push('', heading(group));
    for (const [name, load] of Object.entries(commands)) lines.push(...row(name, await load(), width));
  }
  lines.push('', heading('To begin'), ...BEGIN.map(([line, what]) => `  ${line.padEnd(36)}${what}`), '');
  return [...lines, ...END.flatMap(line => fold(line, width))].join('\n');
}

function row(name: string, { describe }: Command, width: number): string[] {
  const [first = '', ...more] = fold(describe, Math.max(20, width - NAME_COLUMNS - 2));
  return [`  ${name.padEnd(NAME_COLUMNS)}${first}`, ...more.map(line => ' '.repeat(NAME_COLUMNS + 2) + line)];
}

/** Lines of `width` columns at most, broken between words. */
function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
