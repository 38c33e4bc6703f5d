import yargs, { type Argv } from 'yargs';
import { systemClock } from '../controller/kit/clock.ts';
import type { Command, Flags, Io, LoadCommand } from './command.ts';
import { ALIASES, COMMANDS } from './commands.ts';
import { completeNames } from './complete.ts';
import { createContext } from './context.ts';
import { EXIT, usageError } from './errors.ts';

const EPILOGUE =
  'Declared in YAML, applied with `nexus apply`, kept true by the server. Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 timeout, 6 no access, 7 unreachable.';
/** Before the command, these take the next word as their value. */
const GLOBALS_WITH_VALUE = ['-n', '--namespace', '--context', '--kubeconfig'];

/** What the script that `completion` prints calls us with. */
const COMPLETIONS = '--get-yargs-completions';

export interface CommandLineOptions {
  io: Io;
  signal: AbortSignal;
  home: string;
  run(command: Command, flags: Flags): Promise<number>;
}

/** Reads a command line with yargs and runs what it says; help and completions are printed here. Throws CliError. */
export async function parseCommandLine(args: string[], options: CommandLineOptions): Promise<number> {
  const argv = joinStdin(args);
  const { io } = options;
  if (argv[0] === COMPLETIONS) return printCompletions(argv.slice(2), options);
  let exitCode: number = EXIT.done;
  const [name, verb] = commandIn(argv);
  const isKnown = name !== undefined && Object.hasOwn(COMMANDS, name);
  /** What the words are meant for, as far as they say: `workspace`, then `create <repo>`. */
  const meant: Command[] = [];
  const y = yargs(argv)
    .scriptName('nexus')
    .detectLocale(false)
    .usage('$0 <command>\n\nSelf-hosted development workspaces, kept as declared.')
    .parserConfiguration({ 'populate--': true, 'parse-positional-numbers': false })
    .version(false)
    .strict()
    .demandCommand(1, 'which command? `nexus --help` lists them')
    .recommendCommands()
    .epilogue(EPILOGUE)
    .help()
    .alias('h', 'help')
    .wrap(Math.min(110, io.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw (
        error ?? usageError(sentence(message, meant), `${['nexus', ...meant.map(nameOf)].join(' ')} --help`)
      );
    });
  withoutHelpInAdvance(y);
  globals(y);
  y.completion('completion', 'Print a completion script: source <(nexus completion)');
  for (const key of isKnown ? [name] : Object.keys(COMMANDS)) {
    const command = await (COMMANDS[key] as LoadCommand)();
    const verbs = await verbsOf(command, isKnown ? verb : undefined);
    if (isKnown) meant.push(command, ...(verb !== undefined && verbs.length === 1 ? verbs : []));
    register(y, command, { argv, verbs }, async (chosen, flags) => {
      exitCode = await options.run(chosen, flags);
    });
  }
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

/** The first two words that are neither a flag nor the value of a global one: the command by its full name, its verb. */
function commandIn(argv: string[]): [name?: string, verb?: string] {
  const words = argv.filter(
    (word, i) => !word.startsWith('-') && !GLOBALS_WITH_VALUE.includes(argv[i - 1] ?? ''),
  );
  return [fullName(words[0]), words[1]];
}

function fullName(name: string | undefined): string | undefined {
  return name !== undefined && Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
}

/** The verb that is asked for, or all of them for the help. */
async function verbsOf({ verbs = {}, usage }: Command, wanted: string | undefined): Promise<Command[]> {
  const isOther = wanted !== undefined && takesWords(usage);
  const all = isOther ? [] : Object.keys(verbs);
  const names = wanted !== undefined && Object.hasOwn(verbs, wanted) ? [wanted] : all;
  return Promise.all(names.map(name => (verbs[name] as LoadCommand)()));
}

/** Whether it does something without one of its verbs: `ssh <name>` beside `ssh setup`. */
const takesWords = (usage: string) => usage.includes('<');

const nameOf = ({ usage }: Command): string => usage.split(' ')[0] as string;

/**
 * yargs says `Did you mean get?` alone, puts several findings on lines of their own, and counts words where it could
 * name them.
 */
function sentence(message: string, meant: Command[]): string {
  const [, got] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
  const wanted = meant.at(-1)?.usage.match(/<[^>]+>/g) ?? [];
  const missing = got === undefined ? [] : wanted.slice(Number(got));
  if (missing.length > 0) return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  const line = message.replace(/\s*\n\s*/g, '; ');
  return line.charAt(0).toLowerCase() + line.slice(1);
}

function globals(y: Argv): void {
  y.options({
    kubeconfig: {
      type: 'string',
      describe: 'File with servers and credentials (NEXUS_KUBECONFIG)',
      global: true,
    },
    context: { type: 'string', describe: 'Context of that file (NEXUS_CONTEXT)', global: true },
    namespace: { alias: 'n', type: 'string', describe: 'Namespace to work in', global: true },
    verbose: {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'Say what is decided on the way',
      global: true,
    },
  });
}

async function verbNamed({ verbs = {} }: Command, name = ''): Promise<Command | undefined> {
  return Object.hasOwn(verbs, name) ? verbs[name]?.() : undefined;
}

type Run = (command: Command, flags: Flags) => Promise<void>;

function register(
  y: Argv,
  command: Command,
  { argv, verbs }: { argv: string[]; verbs: Command[] },
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
      const isVerb = takesWords(usage) && verbs.length === 1;
      const built = isVerb ? inner : command.build(inner);
      for (const verb of verbs) register(built, verb, { argv, verbs: [] }, run);
      if (table && !takesWords(usage)) built.demandCommand(1, `which of ${Object.keys(table).join(', ')}?`);
      refuseOddBooleans(built, argv);
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

interface YargsOptions {
  array: string[];
  boolean: string[];
  key: Record<string, unknown>;
}

const optionsOf = (y: Argv): YargsOptions => (y as unknown as { getOptions(): YargsOptions }).getOptions();

/** yargs takes `--dry-run=server` for false. Nobody who writes that means it. */
function refuseOddBooleans(y: Argv, argv: string[]): void {
  const { boolean } = optionsOf(y);
  for (const word of argv) {
    if (word === '--') return;
    const [, name, value = ''] = /^--?([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name && boolean.includes(name) && !/^(true|false)$/.test(value))
      throw usageError(`--${name} is either given or not; it takes no value "${value}"`, `--${name}`);
  }
}

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

/** What may come in place of the last of `words`, a line each; a shell filters them by what is typed already. */
async function printCompletions(words: string[], options: CommandLineOptions): Promise<number> {
  const { io, signal, home } = options;
  const [name = '', ...rest] = [fullName(words[0]) ?? '', ...words.slice(1)];
  const current = words.at(-1) ?? '';
  let found: string[];
  if (words.length <= 1) found = [...Object.keys(COMMANDS), 'completion'];
  else if (!Object.hasOwn(COMMANDS, name)) found = [];
  else if (current.startsWith('-')) {
    const y = yargs([]);
    globals(y);
    const command = await (COMMANDS[name] as LoadCommand)();
    (await verbNamed(command, rest[0]))?.build(y);
    command.build(y);
    found = Object.keys(optionsOf(y).key).flatMap(key => (key.length > 1 ? [`--${key}`] : []));
  } else {
    const at = words.findLastIndex(word => word === '-n' || word === '--namespace');
    const flags = { verbose: false, namespace: at < 0 ? undefined : words[at + 1] };
    const context = createContext({ io, flags, signal, clock: systemClock, home });
    const plain = rest.slice(0, -1).filter((word, i) => !word.startsWith('-') && i !== at);
    found = await completeNames([name, ...plain, current], context);
    await context.close();
  }
  for (const line of found) io.stdout.write(`${line}\n`);
  return EXIT.done;
}
