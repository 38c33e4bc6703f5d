import type { CommandContext } from '../command.ts';
import { type MachineFacts, PLACES } from '../remote/facts.ts';
import { lastLine, type Remote } from '../remote/remote.ts';

/**
 * Makes the image of workspaces that name none on each engine there that lacks it, as it is on no registry. What cannot be
 * made is told, and no failure: workspaces may name others.
 */
export async function makeImages(
  remote: Remote,
  { engines }: MachineFacts,
  { drivers, context }: { drivers: readonly string[]; context: CommandContext },
): Promise<void> {
  for (const driver of drivers) {
    const socket = driver === 'docker' ? (engines.docker ?? engines.podman) : engines.lxc;
    if (!socket || !['docker', 'lxc'].includes(driver)) continue;
    context.note(
      `looking for the image of workspaces that name none (${driver}); it is made if it is missing …`,
    );
    const command = [
      ...[PLACES.program, 'image', '--driver', driver],
      ...[driver === 'docker' ? '--docker-socket' : '--lxd-socket', socket],
    ].join(' ');
    const { code, stdout, stderr } = await remote.run(command, { asRoot: true });
    if (code === 0) context.print(`image: ${stdout.trim()}`);
    else
      context.note(
        `warning: the image of workspaces that name none could not be made there: ${lastLine(stderr)}; later: ${command}`,
      );
  }
}
