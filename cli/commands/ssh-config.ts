import { resolve } from 'node:path';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import type { Named } from '../ssh/config/aliases.ts';
import { readAllHosts, type ServerHosts } from '../ssh/config/hosts.ts';
import { installInclude } from '../ssh/config/include.ts';
import { removeConfig } from '../ssh/config/remove.ts';
import { fixedWay } from '../ssh/config/render.ts';
import {
  type Choices,
  composeConfig,
  learnHosts,
  personalConfig,
  updateConfig,
} from '../ssh/config/update.ts';
import { configFile } from '../ssh/places.ts';
import { VIA_OPTION, type Via } from '../ssh/way.ts';

interface SshConfigFlags extends Flags {
  action: 'install' | 'update' | 'print' | 'remove';
  prefix?: string;
  suffix?: string;
  via?: Via;
  file?: string;
}

/** How many names are shown. */
const SHOWN = 6;

export const sshConfig: Command = {
  usage: 'ssh-config [action]',
  describe:
    'Let plain ssh, scp, rsync, git and editors know every workspace by name: install, update, print, remove',
  examples: [
    ['nexus ssh-config', 'one Include line in ~/.ssh/config, and then: ssh shop'],
    ['nexus ssh-config --suffix .ws', 'ssh shop.ws, where `shop` means something else'],
    ['nexus ssh-config remove', 'as if it had never been'],
  ],
  build: yargs =>
    yargs
      .positional('action', {
        type: 'string',
        choices: ['install', 'update', 'print', 'remove'],
        default: 'install',
        describe: 'install: and keep it up to date; update: our own file alone; print: write nothing',
      })
      .option('prefix', { type: 'string', describe: 'Put before every name; kept until another is given' })
      .option('suffix', { type: 'string', describe: 'Put after every name; kept until another is given' })
      .option('via', { ...VIA_OPTION, default: undefined, describe: `${VIA_OPTION.describe} [auto]; kept` })
      .option('file', { type: 'string', describe: "ssh's configuration; ~/.ssh/config when nobody says" }),

  async run(raw, context) {
    const flags = raw as SshConfigFlags;
    for (const name of ['prefix', 'suffix'] as const)
      if (!/^[a-z0-9._-]{0,40}$/.test(flags[name] ?? ''))
        throw usageError(`--${name} takes lower-case letters, digits, dots, dashes and underscores`);
    const file = flags.file === undefined ? undefined : resolve(context.io.cwd, flags.file);
    const choices: Choices = { prefix: flags.prefix, suffix: flags.suffix, via: flags.via, file };
    if (flags.action === 'print') return print(choices, context);
    if (flags.action === 'remove') return remove(file ?? personalConfig(context), context);
    const { hosts, named } = await updateConfig(context, choices);
    tell(hosts, named, context);
    if (flags.action === 'install') {
      const done = await installInclude(hosts.file, configFile(context.home));
      const what = {
        added: 'one Include line added',
        made: 'made, with one Include line',
        unchanged: 'unchanged',
      };
      context.print(`${hosts.file}: ${what[done]}`);
    }
    if (named.length > 0)
      context.print(`now: ${named.slice(0, SHOWN).map(example).join(' · ')}${more(named)}`);
    return EXIT.done;
  },
};

const example = ({ aliases }: Named) => `ssh ${aliases[0]}`;
const more = (named: Named[]) => (named.length > SHOWN ? ` · and ${named.length - SHOWN} more` : '');

function tell(hosts: ServerHosts, named: Named[], context: CommandContext): void {
  const count = (way: string) => named.filter(one => fixedWay(one) === way).length;
  const ways = [
    [count('direct'), 'directly'],
    [count('gateway'), 'by way of the gateway'],
    [count('either'), 'directly where the node is reached, else by way of the gateway'],
  ] as const;
  const told = ways.flatMap(([n, how]) => (n > 0 ? [`${n} ${how}`] : []));
  const all = named.length === 1 ? '1 workspace' : `${named.length} workspaces`;
  context.print(
    `${configFile(context.home)}: ${all} of ${hosts.context}${told.length > 0 ? ` (${told.join(', ')})` : ''}`,
  );
  for (const { workspace, aliases } of named) {
    const short = `${hosts.prefix}${workspace.name}${hosts.suffix}`;
    if (workspace.namespace === hosts.namespace && !aliases.includes(short))
      context.note(
        `note: "${short}" is the name of something else; the workspace is ${aliases[0]} (--prefix and --suffix tell them apart)`,
      );
  }
}

/** With what was learned of other servers before. */
async function print(choices: Choices, context: CommandContext): Promise<number> {
  const hosts = await learnHosts(context, choices);
  const others = (await readAllHosts(context.home)).filter(one => one.context !== hosts.context);
  const servers = [...others, hosts].sort((a, b) => (a.context < b.context ? -1 : 1));
  context.print(composeConfig(servers, context).text.trimEnd());
  return EXIT.done;
}

async function remove(file: string, context: CommandContext): Promise<number> {
  const what = {
    removed: 'the Include line is removed; the rest is as it was',
    'file removed': 'removed, as `nexus ssh-config` had made it',
    absent: 'has no Include line of ours',
  };
  for (const [one, done] of await removeConfig(context.home, file)) context.print(`${one}: ${what[done]}`);
  return EXIT.done;
}
