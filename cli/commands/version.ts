import { programVersion } from '../../controller/kit/program.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';

export const version: Command = {
  usage: 'version',
  describe: 'Print the version of this program, and of the server where there is one',
  build: yargs => yargs.option('client', { type: 'boolean', default: false, describe: 'This program only' }),
  async run(flags, context) {
    const { version, build } = programVersion();
    const { versions, platform, arch } = process;
    context.print(`nexus ${version} (${build}; Node.js ${versions.node}, ${platform} ${arch})`);
    if (flags.client) return EXIT.done;
    try {
      const client = await context.client();
      const { text } = await client.raw('GET', '/version', { signal: context.signal });
      context.print(`server ${(JSON.parse(text) as { gitVersion: string }).gitVersion}`);
    } catch (error) {
      context.note(`server: ${(error as Error).message}`);
    }
    return EXIT.done;
  },
};
