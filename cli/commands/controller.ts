import { resolveOptions } from '../../controller/kit/options.ts';
import { SERVER_OPTIONS } from '../../controller/options.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';
import { optionFlags } from '../option-flags.ts';
import { childEnvironment } from '../up/child-environment.ts';
import { makeHome } from '../up/make-home.ts';
import { tellParentReady } from '../up/parent.ts';

export const controller: Command = {
  usage: 'controller',
  describe: 'Run the server alone: API, store and reconcilers',
  examples: [['nexus controller --listen 0.0.0.0:3001', 'serve on every address of the machine']],
  build: yargs => optionFlags(yargs, SERVER_OPTIONS, 'Server:'),
  async run(flags, context) {
    const env = childEnvironment(context.io, context.home);
    const { values } = resolveOptions(SERVER_OPTIONS, { flags, env });
    makeHome(context.home);
    const { runController } = await import('../../controller/main.ts');
    await runController({ ...values, home: context.home, onReady: tellParentReady }, context.signal);
    return EXIT.done;
  },
};
