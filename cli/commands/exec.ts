import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { Command, Flags } from '../command.ts';
import { usageError } from '../errors.ts';
import { runTowards, sshArgs } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';
import { type Via, viaOption } from '../ssh/way.ts';

export const exec: Command = {
  usage: 'exec <name>',
  describe: 'Run a program in a workspace, with its arguments as they are; exits as it does',
  examples: [
    ['nexus exec shop -- npm test', 'in the repository'],
    ['nexus exec shop -t -- htop', 'with a terminal'],
  ],
  build: yargs =>
    viaOption(yargs)
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .option('tty', { alias: 't', type: 'boolean', describe: 'With a terminal' })
      .option('workdir', {
        alias: 'w',
        type: 'string',
        describe: 'Folder; defaults to the repository, else home',
      }),
  async run(raw, context) {
    const flags = raw as Flags & { name: string; tty?: boolean; workdir?: string; via: Via };
    const command = flags['--'] ?? [];
    if (command.length === 0) throw usageError('which command?', `nexus exec ${flags.name} -- COMMAND`);
    const target = await sshTarget(flags.name, context, flags);
    const folder =
      flags.workdir === undefined ? 'cd ~/workspace 2>/dev/null || cd' : `cd ${shellWord(flags.workdir)}`;
    const line = `${folder} && exec ${command.map(shellWord).join(' ')}`;
    return runTowards(target, ['ssh', ...sshArgs(target, [flags.tty ? '-tt' : '-T']), line], context);
  },
};
