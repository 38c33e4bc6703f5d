import type { Socket } from 'node:net';
import type { Connection } from 'ssh2';

/** What we need of ssh2's server and it does not offer. Its version is pinned; a test with the real ssh holds this. */
interface Internals {
  _sock: Socket;
  _protocol: { channelOpenFail(recipient: number, reason: number, description?: string): void };
}

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, SSH_OPEN_CONNECT_FAILED and SSH_OPEN_RESOURCE_SHORTAGE of RFC 4254. */
export const OPEN_FAILURE = { prohibited: 1, connectFailed: 2, shortage: 4 } as const;

export function socketOf(connection: Connection): Socket {
  return (connection as unknown as Internals)._sock;
}

/** Refuses a channel with words: ssh2's own `reject` has none, and ssh prints them. */
export function refuseChannel(
  connection: Connection,
  reject: () => void,
  reason: { code: number; message: string },
): void {
  const protocol = (connection as unknown as Internals)._protocol;
  const { channelOpenFail } = protocol;
  protocol.channelOpenFail = recipient =>
    channelOpenFail.call(protocol, recipient, reason.code, reason.message);
  try {
    reject();
  } finally {
    protocol.channelOpenFail = channelOpenFail;
  }
}
