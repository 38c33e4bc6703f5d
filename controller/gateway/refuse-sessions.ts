import type { Connection, ServerChannel } from 'ssh2';

const HOW =
  'This is the gateway of Nexus: it leads to workspaces and has no shell, commands or files of its own.\r\n' +
  'Use it as a jump host: ssh -J <gateway> dev@<workspace>.<namespace>\r\n';

/** Tells whoever asks for a shell, a command or files what the gateway is for, and ends that session. */
export function refuseSessions(connection: Connection, onRefused: (what: string) => void): void {
  connection.on('session', accept => {
    const session = accept();
    const refuse = (what: string) => (acceptRequest: () => ServerChannel) => {
      onRefused(what);
      const channel = acceptRequest();
      channel.on('error', () => channel.destroy());
      channel.stderr.write(HOW);
      channel.exit(1);
      channel.end();
    };
    // Taken, so that ssh does not complain of the terminal before it prints the reason.
    session.on('pty', acceptPty => acceptPty?.());
    session.on('env', (_accept, reject) => reject?.());
    session.on('shell', refuse('shell'));
    session.on('exec', refuse('exec'));
    session.on('subsystem', refuse('subsystem'));
    session.on('auth-agent', (_accept, reject) => reject?.());
    session.on('x11', (_accept, reject) => reject?.());
  });
}
