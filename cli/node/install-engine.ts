import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { lastLine, type Remote } from '../remote/remote.ts';

export const ENGINE_SOCKET = '/var/run/docker.sock';

/** Waits for the socket: a service that was just started makes it a moment later. */
const INSTALL = `
command -v apt-get >/dev/null 2>&1 || { echo 'there is no apt-get' >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null || exit 1
[ -d /run/systemd/system ] || service docker start >/dev/null 2>&1
i=0
while [ ! -S ${ENGINE_SOCKET} ]; do
  i=$((i + 1))
  [ "$i" -lt 150 ] || { echo 'docker.io is installed, but its engine does not start' >&2; exit 1; }
  sleep 0.2
done`;

/** Installs Debian's Docker on a machine that has no engine. Throws CliError. */
export async function installEngine(remote: Remote, context: CommandContext): Promise<void> {
  context.note('installing docker.io …');
  const { code, stderr } = await remote.run(INSTALL, { asRoot: true });
  if (code !== 0)
    throw new CliError(`docker.io could not be installed on ${remote.destination}: ${lastLine(stderr)}`, {
      next: 'install an engine there by hand, then run this again',
    });
  context.print('docker.io: installed');
}
