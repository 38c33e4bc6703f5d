import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import type { MachineFacts } from '../remote/facts.ts';
import { lastLine, type Remote } from '../remote/remote.ts';

export const ENGINE_SOCKET = '/var/run/docker.sock';

/** What is there is only started. Waits for the socket: a service that was just started makes it a moment later. */
const INSTALL = `
if command -v dockerd >/dev/null 2>&1; then echo there
else
  command -v apt-get >/dev/null 2>&1 || { echo 'there is no apt-get' >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null || exit 1
fi
if [ -d /run/systemd/system ]; then systemctl start docker >/dev/null 2>&1
# Where limits may not be raised, as in a container, the service does not start it.
elif ! service docker start >/dev/null 2>&1; then nohup dockerd </dev/null >/var/log/dockerd.log 2>&1 & fi
i=0
while [ ! -S ${ENGINE_SOCKET} ]; do
  i=$((i + 1))
  [ "$i" -lt 150 ] || { echo 'Docker is installed, but its engine does not start: see journalctl -u docker, or /var/log/docker*.log' >&2; exit 1; }
  sleep 0.2
done`;

/** Whether an engine that the drivers ask for is missing, and Docker is that; without drivers any engine does. */
export function lacksDocker({ engines }: MachineFacts, drivers: readonly string[] | undefined): boolean {
  if (!drivers || drivers.length === 0) return Object.keys(engines).length === 0;
  return drivers.includes('docker') && !engines.docker && !engines.podman;
}

/** Installs Debian's Docker on a machine that has none, or starts the one that is there. Throws CliError. */
export async function installEngine(remote: Remote, context: CommandContext): Promise<void> {
  context.note('installing docker.io …');
  const { code, stdout, stderr } = await remote.run(INSTALL, { asRoot: true });
  if (code !== 0)
    throw new CliError(`Docker could not be set up on ${remote.destination}: ${lastLine(stderr)}`, {
      next: 'install an engine there by hand, then run this again',
    });
  context.print(stdout.trim() === 'there' ? 'docker: started' : 'docker.io: installed');
}
