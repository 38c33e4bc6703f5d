import type { Io } from '../command.ts';

/** How a thing is, at one look. */
export type Mark = 'good' | 'bad' | 'busy' | 'off';

const MARKS: Record<Mark, { symbol: string; code: number }> = {
  good: { symbol: '✓', code: 32 },
  bad: { symbol: '✗', code: 31 },
  busy: { symbol: '◐', code: 36 },
  off: { symbol: '○', code: 2 },
};

/** What the place that is written to takes: colours and symbols on a terminal that has them, plain text elsewhere. */
export interface Style {
  /** Whether lines may be drawn over. */
  isLive: boolean;
  /** `code`: of SGR: 1 bold, 2 faint, 31 red, 32 green, 33 yellow, 36 cyan. */
  color(code: number, text: string): string;
  /** A symbol and a space; nothing where symbols are not shown. */
  mark(mark: Mark): string;
}

export function styleOf(stream: { isTTY?: boolean }, env: Io['env']): Style {
  const isLive = stream.isTTY === true && env.TERM !== 'dumb';
  const isColored = isLive && !env.NO_COLOR;
  const isUnicode = isLive && /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
  const color = (code: number, text: string) =>
    isColored && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    isLive,
    color,
    mark: mark => (isUnicode ? `${color(MARKS[mark].code, MARKS[mark].symbol)} ` : ''),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours a terminal begins with one.
const SGR = /\u001b\[[0-9;]*m/g;

/** Text without what colours it. */
export const withoutColor = (text: string): string => text.replace(SGR, '');

/** A line that takes no more than `columns`; colours that were begun are ended. */
export function fitLine(line: string, columns: number): string {
  if ([...withoutColor(line)].length <= columns) return line;
  let left = Math.max(0, columns - 1);
  let fit = '';
  let isOpen = false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
  for (const part of line.match(/\u001b\[[0-9;]*m|[^\u001b]/gu) ?? []) {
    if (part.startsWith('\u001b[')) isOpen = part !== '\u001b[0m';
    else if (left-- <= 0) break;
    fit += part;
  }
  return `${fit}…${isOpen ? '\u001b[0m' : ''}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
const UNSAFE = /(\u001b\[\d{0,3}m)|[^\P{Cc}\n\t]/gu;

/**
 * Lines as they may go to a terminal: what servers, nodes, workspaces and repositories had to say among them can colour it
 * and do nothing else, as move the cursor, set the title or answer in the person's place.
 */
export const safeLines = (text: string): string => text.replace(UNSAFE, (_, color) => color ?? ' ');

/** What others wrote must not move the cursor or colour the terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, ' ');
