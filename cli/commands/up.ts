import { hostname } from 'node:os';
import { join } from 'node:path';
import { AGENT_OPTIONS } from '../../agent/options.ts';
import { nodeNameFrom } from '../../controller/kit/node-name.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { ownCommand } from '../../controller/kit/program.ts';
import { SERVER_OPTIONS } from '../../controller/options.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';
import { optionFlags, passFlags } from '../option-flags.ts';
import { childEnvironment } from '../up/child-environment.ts';
import { keepRunning } from '../up/keep-running.ts';
import { makeHome } from '../up/make-home.ts';
import { noteMissingImage } from '../up/missing-image.ts';
import { ensureOwnKeys } from '../up/own-keys.ts';
import { tellParentReady } from '../up/parent.ts';

/** Those of the logs are both's, and are told with the server's. */
const AGENT_ONLY = Object.fromEntries(
  Object.entries(AGENT_OPTIONS).filter(([name]) => !(name in SERVER_OPTIONS)),
);

export const up: Command = {
  usage: 'up',
  describe:
    'Run a server and an agent on this machine, each kept running; Ctrl-C stops both and leaves workspaces as they are',
  examples: [['nexus up', 'everything on this machine, reachable from it alone']],
  build: yargs => optionFlags(optionFlags(yargs, SERVER_OPTIONS, 'Server:'), AGENT_ONLY, 'Agent:'),
  async run(flags, context) {
    // Both are read here too, so that a bad one is told once and before anything is started.
    const { values: server } = resolveOptions(SERVER_OPTIONS, { flags, env: context.io.env });
    const { values: agent } = resolveOptions(AGENT_OPTIONS, { flags, env: context.io.env });
    makeHome(context.home);
    ensureOwnKeys(context.home, context.io.env.HOME);
    const nodeName = server.localNode ?? agent.nodeName ?? nodeNameFrom(hostname());
    const env = childEnvironment(context.io, context.home);
    const own = ownCommand();
    const abort = new AbortController();
    const signal = AbortSignal.any([context.signal, abort.signal]);
    const start = (name: string, args: string[], stopTimeoutMs?: number) =>
      keepRunning(
        {
          name,
          file: own.file,
          args: [...own.args, ...args],
          env,
          clock: context.clock,
          note: context.note,
          stopTimeoutMs,
        },
        signal,
      );

    const controller = start('server', [
      'controller',
      ...passFlags({ ...flags, localNode: nodeName }, SERVER_OPTIONS),
    ]);
    try {
      await Promise.race([controller.ready, controller.ended]);
      if (!signal.aborted) {
        const kubeconfig = join(context.home, 'agent', 'kubeconfig');
        const args = [
          'agent',
          `--kubeconfig=${kubeconfig}`,
          ...passFlags({ ...flags, nodeName }, AGENT_OPTIONS),
        ];
        const nodeAgent = start('agent', args);
        nodeAgent.ready.then(
          () => {
            tellParentReady();
            if (context.io.stderr.isTTY)
              context.note(
                `ready: https://${server.listen}; in another terminal: nexus workspace create owner/repo, nexus get ws. Ctrl-C stops it.`,
              );
            if (agent.drivers?.includes('docker') ?? true)
              noteMissingImage(server.defaultImage, agent.dockerSocket, context.note);
          },
          () => {},
        );
        await Promise.race([controller.ended, nodeAgent.ended]);
        abort.abort();
        await nodeAgent.ended.catch(() => {});
      }
    } finally {
      // The server goes last: the agent reports what it sees until it stops.
      abort.abort();
      await controller.ended.catch(() => {});
    }
    return EXIT.done;
  },
};
