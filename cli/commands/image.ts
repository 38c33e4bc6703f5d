import Docker from 'dockerode';
import { AGENT_OPTIONS } from '../../agent/options.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { DEFAULT_IMAGE } from '../../controller/options.ts';
import { ensureWorkspaceImage } from '../../manifests/image/build.ts';
import type { Command } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { optionFlags } from '../option-flags.ts';

const OPTIONS = { dockerSocket: AGENT_OPTIONS.dockerSocket };

export const image: Command = {
  usage: 'image [reference]',
  describe: "Get the image of workspaces that name none onto this machine's engine: pull it, or make it here",
  examples: [
    ['nexus image', `make ${DEFAULT_IMAGE}, if it is not there`],
    ['nexus image registry.example.com/nexus:1', 'pull it, else make it under that name'],
  ],
  build: yargs =>
    optionFlags(
      yargs.positional('reference', { type: 'string', default: DEFAULT_IMAGE, describe: 'Its name' }),
      OPTIONS,
      'Engine:',
    ),
  async run(flags, context) {
    const { dockerSocket } = resolveOptions(OPTIONS, { flags, env: context.io.env }).values;
    const reference = flags.reference as string;
    try {
      await ensureWorkspaceImage(new Docker({ socketPath: dockerSocket }), reference, context.note);
    } catch (cause) {
      const { message, code } = cause as NodeJS.ErrnoException;
      if (code === undefined) throw new CliError(message, { cause });
      throw new CliError(`no container engine answers at ${dockerSocket}: ${message}`, {
        next: 'start it, or name another with --docker-socket',
        exitCode: EXIT.unreachable,
        cause,
      });
    }
    context.print(reference);
    return EXIT.done;
  },
};
