import yargs, { type Argv } from 'yargs';
import type { Command, Flags, Io, LoadCommand } from './command.ts';
import { COMMANDS } from './commands.ts';
import { COMPLETIONS } from './complete.ts';
import { printCompletions } from './completions.ts';
import { EXIT, usageError } from './errors.ts';
import { overview } from './overview.ts';
import { didYouMean } from './suggest.ts';
import { WORKSPACE_VERBS } from './workspace/verbs.ts';
import { noValue, wrongUse } from './wrong-use.ts';
import { addGlobals, fullName, GLOBALS_WITH_VALUE, optionsOf } from './yargs-options.ts';

/** What other programs call it. */
const ELSEWHERE: Record<string, string> = {
  ls: 'workspace list',
  ps: 'workspace list',
  rm: 'delete',
  shell: 'ssh',
  run: 'exec',
};

export interface CommandLineOptions {
  io: Io;
  signal: AbortSignal;
  home: string;
  run(command: Command, flags: Flags): Promise<number>;
}

/** Reads a command line with yargs and runs what it says; help and completions are printed here. Throws CliError. */
export async function parseCommandLine(args: string[], options: CommandLineOptions): Promise<number> {
  const { io } = options;
  if (args[0] === COMPLETIONS) return printCompletions(args.slice(2), options);
  const argv = asTyped(joinStdin(args));
  const [name, verb] = commandIn(argv);
  if (name === undefined) return withoutCommand(argv, io);
  const command = await commandNamed(name);
  const verbs = await verbsOf(command, verb);
  const meant = [command, ...verbs.named];
  let exitCode: number = EXIT.done;
  const y = yargs(argv)
    .scriptName('nexus')
    .detectLocale(false)
    .parserConfiguration({ 'populate--': true, 'parse-positional-numbers': false })
    .version(false)
    .strict()
    .help()
    .alias('h', 'help')
    .wrap(Math.min(110, io.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      if (error && error.name !== 'YError') throw error;
      const { key, alias } = optionsOf(y);
      const known = { argv, meant, options: Object.keys(key), aliases: alias };
      throw usageError(wrongUse(message ?? error.message, known), helpOf(meant));
    });
  withoutHelpInAdvance(y);
  addGlobals(y);
  register(y, command, { argv, verbs }, async (chosen, flags) => {
    exitCode = await options.run(chosen, flags);
  });
  await y.parseAsync(argv, {}, (error, _parsed, output) => {
    if (output && !error) io.stdout.write(`${output}\n`);
  });
  return exitCode;
}

/** `-f -` as one word: yargs takes a lone dash for a missing value. */
function joinStdin(args: string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg === '-' && ['-f', '--filename'].includes(args[i - 1] ?? '')) return [];
    return ['-f', '--filename'].includes(arg) && args[i + 1] === '-' ? ['--filename=-'] : [arg];
  });
}

/** What other programs take as well: `--version`, and `help get` for `get --help`. */
function asTyped(argv: string[]): string[] {
  if (argv.length === 1 && ['--version', '-V'].includes(argv[0] as string)) return ['version'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

/** The first two words that are neither a flag nor the value of a global one: the command by its full name, its verb. */
function commandIn(argv: string[]): [name?: string, verb?: string] {
  const words = argv.filter(
    (word, i) => !word.startsWith('-') && !GLOBALS_WITH_VALUE.includes(argv[i - 1] ?? ''),
  );
  return [fullName(words[0]), words[1]];
}

async function withoutCommand(argv: string[], { stdout, stderr, ...io }: Io): Promise<number> {
  const isAsked = argv.some(word => ['--help', '-h'].includes(word));
  const shown = isAsked ? stdout : stderr;
  if (isAsked || argv.length === 0) shown.write(`${await overview({ stdout: shown, stderr, ...io })}\n`);
  if (isAsked) return EXIT.done;
  throw usageError('which command?', 'nexus --help');
}

async function commandNamed(name: string): Promise<Command> {
  if (Object.hasOwn(COMMANDS, name)) return (COMMANDS[name] as LoadCommand)();
  const isVerb = Object.hasOwn(WORKSPACE_VERBS, name);
  const meant = isVerb ? `workspace ${name}` : Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  const guess = meant ? `; did you mean ${meant}?` : didYouMean(name, Object.keys(COMMANDS));
  throw usageError(`there is no command "${name}"${guess}`, 'nexus --help');
}

interface Verbs {
  /** The one that is asked for: none or one. */
  named: Command[];
  /** What is registered: that one, or all of them for the help. */
  known: Command[];
}

async function verbsOf(command: Command, wanted: string | undefined): Promise<Verbs> {
  const { verbs = {}, usage } = command;
  const names = Object.keys(verbs);
  if (wanted !== undefined && Object.hasOwn(verbs, wanted)) {
    const named = [await (verbs[wanted] as LoadCommand)()];
    return { named, known: named };
  }
  if (names.length === 0 || (takesWords(usage) && wanted !== undefined)) return { named: [], known: [] };
  if (wanted !== undefined)
    throw usageError(`${nameOf(command)} has no "${wanted}"${didYouMean(wanted, names)}`, helpOf([command]));
  return { named: [], known: await Promise.all(names.map(name => (verbs[name] as LoadCommand)())) };
}

/** Whether it does something without one of its verbs: `ssh <name>` beside `ssh setup`. */
const takesWords = (usage: string) => usage.includes('<');

const nameOf = ({ usage }: Command): string => usage.split(' ')[0] as string;

const helpOf = (commands: Command[]): string => `${['nexus', ...commands.map(nameOf)].join(' ')} --help`;

type Run = (command: Command, flags: Flags) => Promise<void>;

function register(
  y: Argv,
  command: Command,
  { argv, verbs }: { argv: string[]; verbs: Verbs },
  run: Run,
): void {
  const { usage, aliases = [], describe, examples = [], verbs: table } = command;
  y.command({
    command: usage,
    aliases,
    describe,
    builder: inner => {
      for (const [line, what] of examples) inner.example(line, what);
      // Of a verb that has its own words, ours are none: `ssh setup` has no name of a workspace.
      const built = takesWords(usage) && verbs.named.length > 0 ? inner : command.build(inner);
      for (const verb of verbs.known) register(built, verb, { argv, verbs: { named: [], known: [] } }, run);
      if (table && !takesWords(usage)) built.demandCommand(1, `which of ${Object.keys(table).join(', ')}?`);
      refuseOddValues(built, argv);
      return built;
    },
    handler: parsed => run(command, lastOfEach(y, parsed) as unknown as Flags),
  });
}

/** yargs renders the help of each command that it runs, in case somebody asks afterwards: a tenth of a short command. */
function withoutHelpInAdvance(y: Argv): void {
  const internals = y as unknown as {
    getInternalMethods(): { getUsageInstance(): { cacheHelpMessage(): void } };
  };
  internals.getInternalMethods().getUsageInstance().cacheHelpMessage = () => {};
}

/**
 * yargs takes `--dry-run=server` for false, an option at the end without its value for an empty one (`-n`: every
 * namespace), and what is no number for NaN. Nobody who writes that means it.
 */
function refuseOddValues(y: Argv, argv: string[]): void {
  const { alias, array, boolean, number, string } = optionsOf(y);
  const takesValue = [...array, ...number, ...string];
  const sameAs = (name: string) =>
    Object.entries(alias)
      .find(same => same.flat().includes(name))
      ?.flat();
  for (const [i, word] of argv.entries()) {
    if (word === '--') return;
    const [, name = '', value] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const is = (list: string[]) => (sameAs(name) ?? [name]).some(known => list.includes(known));
    if (name === '' || !word.startsWith('-')) continue;
    if (value !== undefined && is(boolean) && !/^(true|false)$/.test(value))
      throw usageError(`--${name} is either given or not; it takes no value "${value}"`, `--${name}`);
    if (!is(takesValue)) continue;
    const given = value ?? argv[i + 1];
    if (given === undefined || (value === undefined && isOption(given))) throw usageError(noValue(name));
    if (is(number) && Number.isNaN(Number(given)))
      throw usageError(`${word.split('=')[0]} takes a number, not "${given}"`);
  }
}

const isOption = (word: string): boolean => /^-[^0-9]/.test(word);

/** Of a flag that is given twice the last one counts, as everywhere else; yargs would give a list. */
function lastOfEach(y: Argv, argv: Record<string, unknown>): Record<string, unknown> {
  const lists = new Set([...optionsOf(y).array, '_', '--']);
  const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const isList = (name: string) => [...lists].some(list => list === name || camel(list) === name);
  return Object.fromEntries(
    Object.entries(argv).map(([name, value]) => [
      name,
      Array.isArray(value) && !isList(name) ? value.at(-1) : value,
    ]),
  );
}
