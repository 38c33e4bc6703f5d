import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { runTowards } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';
import { type Via, viaOption } from '../ssh/way.ts';

interface Place {
  workspace?: string;
  path: string;
}

/** `shop:path` is in a workspace, anything else here; a Windows drive or `./a:b` is here too. */
export function parsePlace(text: string): Place {
  const match = /^(?:(?:ws|workspaces?)\/)?([a-z0-9][a-z0-9-]*):(.*)$/s.exec(text);
  return match?.[1] && match[1].length > 1
    ? { workspace: match[1], path: match[2] as string }
    : { path: text };
}

export const cp: Command = {
  usage: 'cp <paths..>',
  describe:
    'Copy files and folders into or out of a workspace: FROM.. TO, of which one side is WORKSPACE:PATH',
  examples: [
    ['nexus cp report.pdf shop:', 'into its home'],
    ['nexus cp shop:workspace/dist ./dist', 'a folder out of it'],
  ],
  build: yargs =>
    viaOption(yargs)
      .positional('paths', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'PATH or WORKSPACE:PATH; the last is where to',
      })
      .option('recursive', {
        alias: 'r',
        type: 'boolean',
        default: true,
        describe: 'Folders too (--no-recursive: refuse them)',
      })
      .option('preserve', { alias: 'p', type: 'boolean', default: false, describe: 'Keep times and modes' }),
  async run(raw, context) {
    const flags = raw as Flags & { paths: string[]; recursive: boolean; preserve: boolean; via: Via };
    const all = flags.paths.map(parsePlace);
    if (all.length < 2) throw usageError('from where to where?', 'nexus cp FILE WORKSPACE:PATH');
    const isInside = all.map(({ workspace }) => workspace !== undefined);
    if (isInside.slice(0, -1).some(inside => inside === isInside.at(-1)))
      throw usageError('one side is in a workspace and the other here', 'nexus cp FILE WORKSPACE:PATH');
    const names = new Set(all.flatMap(({ workspace }) => workspace ?? []));
    const [name] = names;
    if (name === undefined || names.size > 1)
      throw usageError('files of one workspace at a time', 'nexus cp FILE WORKSPACE:PATH');
    for (const { workspace, path } of all.slice(0, -1))
      if (workspace === undefined && !existsSync(resolve(context.io.cwd, path)))
        throw new CliError(`there is no ${path} here`, { exitCode: EXIT.notFound });
    const target = await sshTarget(name, context, flags);
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const places = all.map(({ workspace, path }) =>
      workspace
        ? `${target.user}@${host}:${path}`
        : path.includes(':') && !path.startsWith('/')
          ? `./${path}`
          : path,
    );
    const options = [...(flags.recursive ? ['-r'] : []), ...(flags.preserve ? ['-p'] : [])];
    const port = ['-P', String(target.port)];
    return runTowards(target, ['scp', ...target.options, ...port, ...options, '--', ...places], context);
  },
};
