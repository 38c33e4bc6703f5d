import Docker from 'dockerode';
import { AGENT_OPTIONS } from '../../agent/options.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { DEFAULT_IMAGE, DEFAULT_LXC_IMAGE } from '../../controller/options.ts';
import { ensureWorkspaceImage } from '../../manifests/image/build.ts';
import { ensureLxcWorkspaceImage, lxdSocket } from '../../manifests/image/build-lxc.ts';
import type { Command } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { optionFlags } from '../option-flags.ts';

const OPTIONS = { dockerSocket: AGENT_OPTIONS.dockerSocket, lxdSocket: AGENT_OPTIONS.lxdSocket };

export const image: Command = {
  usage: 'image [reference]',
  describe: "Get the image of workspaces that name none onto this machine's engine: pull it, or make it here",
  examples: [
    ['nexus image', `make ${DEFAULT_IMAGE}, if it is not there`],
    ['nexus image --driver lxc', `make ${DEFAULT_LXC_IMAGE} for LXD or Incus`],
    ['nexus image registry.example.com/nexus:1', 'pull it, else make it under that name'],
  ],
  build: yargs =>
    optionFlags(
      yargs
        .positional('reference', { type: 'string', describe: `Its name; ${DEFAULT_IMAGE} when nobody says` })
        .option('driver', {
          choices: ['docker', 'lxc'] as const,
          default: 'docker' as const,
          describe: 'For which engine',
        }),
      OPTIONS,
      'Engine:',
    ),
  async run(flags, context) {
    const { values } = resolveOptions(OPTIONS, { flags, env: context.io.env });
    const isLxc = flags.driver === 'lxc';
    const socketPath = isLxc ? lxdSocket(values.lxdSocket) : values.dockerSocket;
    const reference = (flags.reference as string | undefined) ?? (isLxc ? DEFAULT_LXC_IMAGE : DEFAULT_IMAGE);
    try {
      if (isLxc) await ensureLxcWorkspaceImage(socketPath, reference, context.note);
      else await ensureWorkspaceImage(new Docker({ socketPath }), reference, context.note);
    } catch (cause) {
      const { message, code } = cause as NodeJS.ErrnoException;
      if (code === undefined) throw new CliError(message, { cause });
      throw new CliError(`no engine answers at ${socketPath}: ${message}`, {
        next: `start it, or name another with ${isLxc ? '--lxd-socket' : '--docker-socket'}`,
        exitCode: EXIT.unreachable,
        cause,
      });
    }
    context.print(reference);
    return EXIT.done;
  },
};
