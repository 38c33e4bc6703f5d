import yargs, { type Argv } from 'yargs';
import { systemClock } from '../controller/kit/clock.ts';
import type { Command, Io, LoadCommand } from './command.ts';
import { COMMAND_GROUPS, COMMANDS } from './commands.ts';
import { completeNames } from './complete.ts';
import { createContext } from './context.ts';
import { EXIT } from './errors.ts';
import { addGlobals, fullName, optionsOf } from './yargs-options.ts';

/** Prints what may come in place of the last of `words`, a line each; a shell filters them by what is typed already. */
export async function printCompletions(
  words: string[],
  { io, signal, home }: { io: Io; signal: AbortSignal; home: string },
): Promise<number> {
  const [name = '', ...rest] = [fullName(words[0]) ?? '', ...words.slice(1)];
  const current = words.at(-1) ?? '';
  const found = async (): Promise<string[]> => {
    if (words.length <= 1) return Object.values(COMMAND_GROUPS).flatMap(group => Object.keys(group));
    if (!Object.hasOwn(COMMANDS, name)) return [];
    const command = await (COMMANDS[name] as LoadCommand)();
    const y = await optionsFor(command, rest[0]);
    const { key, choices } = optionsOf(y);
    if (current.startsWith('-'))
      return Object.keys(key).flatMap(option => (option.length > 1 ? [`--${option}`] : []));
    const values = choices[(words.at(-2) ?? '').replace(/^--?/, '')];
    if (values && words.at(-2)?.startsWith('-')) return [...values];
    const at = words.findLastIndex(word => word === '-n' || word === '--namespace');
    const flags = { verbose: false, namespace: at < 0 ? undefined : words[at + 1] };
    const context = createContext({ io, flags, signal, clock: systemClock, home });
    const plain = rest.slice(0, -1).filter((word, i) => !word.startsWith('-') && i !== at);
    const names = await completeNames([name, ...plain, current], context);
    await context.close();
    return plain.length > 0 ? names : [...new Set([...firstWords(command, choices), ...names])];
  };
  for (const line of await found()) io.stdout.write(`${line}\n`);
  return EXIT.done;
}

/** The verbs of a command, or what its first word may be. */
function firstWords({ verbs = {}, usage }: Command, choices: Record<string, readonly string[]>): string[] {
  const [, positional = ''] = /[<[]([\w-]+)/.exec(usage) ?? [];
  return [...Object.keys(verbs), ...(choices[positional] ?? [])];
}

async function optionsFor(command: Command, verb = ''): Promise<Argv> {
  const y = yargs([]);
  addGlobals(y);
  const { verbs = {} } = command;
  if (Object.hasOwn(verbs, verb)) (await (verbs[verb] as LoadCommand)()).build(y);
  command.build(y);
  return y;
}
