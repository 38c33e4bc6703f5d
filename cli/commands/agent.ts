import { AGENT_OPTIONS } from '../../agent/options.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';
import { optionFlags } from '../option-flags.ts';
import { tellParentReady } from '../up/parent.ts';

export const agent: Command = {
  usage: 'agent',
  describe: "Run a node's agent alone",
  examples: [
    ['nexus agent --kubeconfig node-1.kubeconfig --node-name node-1', 'run what the server places on node-1'],
  ],
  build: yargs => optionFlags(yargs, AGENT_OPTIONS, 'Agent:'),
  async run(flags, context) {
    const { values } = resolveOptions(AGENT_OPTIONS, { flags, env: context.io.env });
    const { runAgent } = await import('../../agent/main.ts');
    await runAgent(
      { ...values, kubeconfig: flags.kubeconfig, home: context.home, onReady: tellParentReady },
      context.signal,
    );
    return EXIT.done;
  },
};
