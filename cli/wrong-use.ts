import type { Command } from './command.ts';
import { didYouMean } from './suggest.ts';

export interface Known {
  argv: string[];
  /** What the words are meant for, as far as they say: `workspace`, then `create <repo>`. */
  meant: Command[];
  /** Names of options, without dashes. */
  options: string[];
  /** Of an option, its other names. */
  aliases: Record<string, string[]>;
}

/** What yargs finds wrong, in words that name it and what was probably meant. */
export function wrongUse(message: string, known: Known): string {
  const [, kind = '', rest = ''] = /^([^:?]+)[:?]\s*(.*)$/s.exec(message) ?? [];
  const list = rest.split(', ');
  if (kind === 'Not enough non-option arguments') return missingWords(rest, known.meant) ?? plain(message);
  if (/^Unknown arguments?$/.test(kind)) return unknown(list, known);
  if (/^Missing required arguments?$/.test(kind))
    return `${list.map(name => dashed(name, known)).join(' and ')} ${list.length === 1 ? 'is' : 'are'} missing`;
  if (kind === 'Not enough arguments following') return noValue(rest);
  if (kind === 'Invalid values') return noneOf(rest, known) ?? plain(message);
  return plain(message);
}

export const noValue = (name: string): string => `${dash(name)} wants a value after it`;

/** yargs counts words where it could name them. */
function missingWords(counted: string, meant: Command[]): string | undefined {
  const [, got] = /^got (\d+)/.exec(counted) ?? [];
  const missing = (meant.at(-1)?.usage.match(/<[^>]+>/g) ?? []).slice(Number(got));
  if (missing.length === 0) return undefined;
  return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
}

/** yargs lists options and words alike, without dashes, and `dry-rn` as `dryRn` too. */
function unknown(names: string[], { argv, options }: Known): string {
  const typed = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  const isOption = (name: string) =>
    typed.some(word =>
      name.length === 1
        ? /^-[^-]/.test(word) && word.includes(name)
        : word.replace(/=.*/s, '') === `--${name}`,
    );
  const found = names.flatMap(name => {
    if (isOption(name)) return [`there is no option ${dash(name)}${didYouMean(name, options, '--')}`];
    return typed.includes(name) ? [`"${name}" is a word too many`] : [];
  });
  return found.length > 0 ? found.join('; ') : `unknown argument: ${names.join(', ')}`;
}

/** `Argument: via, Given: "x", Choices: "auto", "direct"`, a line each. */
function noneOf(lines: string, { meant }: Known): string | undefined {
  const [, name, given, choices] = /Argument: (\S+), Given: "(.*)", Choices: (.*)$/m.exec(lines) ?? [];
  if (name === undefined || given === undefined || choices === undefined) return undefined;
  const all = choices.split(', ').map(choice => choice.replaceAll('"', ''));
  const isWord = meant.at(-1)?.usage.match(new RegExp(`[<[]${name}[.\\]>]`));
  const what = isWord ? `${name} "${given}"` : `${dash(name)} "${given}"`;
  return `${what} is none of ${all.join(', ')}${didYouMean(given, all)}`;
}

const dash = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

function dashed(name: string, { aliases }: Known): string {
  const [short] = (aliases[name] ?? []).filter(alias => alias.length === 1);
  return short ? `${dash(name)} (${dash(short)})` : dash(name);
}

/** yargs puts several findings on lines of their own. */
function plain(message: string): string {
  const line = message.replace(/\s*\n\s*/g, '; ');
  return line.charAt(0).toLowerCase() + line.slice(1);
}
