import { connect, type Socket } from 'node:net';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import type { Test } from 'tap';
import { SSH_ALGORITHMS } from '../../controller/kit/ssh-algorithms.ts';
import type { SshKey } from '../../controller/kit/ssh-key-file.ts';

/** A user of the gateway whose client may misbehave: ssh2's, with its insides in reach. */
export interface Ssh2User {
  client: Client;
  socket: Socket;
  /** A channel to port 22 of a workspace; rejects when it is refused. */
  open(workspace: string): Promise<ClientChannel>;
  /** Tells the gateway that it may send so many bytes more. */
  claimWindow(channel: ClientChannel, bytes: number): void;
  /** Sends from now on as if the gateway had granted anything. */
  forgetGrant(channel: ClientChannel): void;
}

/** Of ssh2. */
interface Insides {
  _protocol: { channelWindowAdjust(id: number, by: number): void };
  outgoing: { id: number; window: number };
}
const insideOf = (of: object) => of as unknown as Insides;

export async function ssh2User(t: Test, port: number, key: SshKey): Promise<Ssh2User> {
  const socket = connect({ host: '127.0.0.1', port });
  const client = new ssh2.Client();
  client.on('error', () => {});
  socket.on('error', () => {});
  t.teardown(() => {
    client.destroy();
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    client.once('ready', () => resolve());
    client.once('close', () => reject(new Error('closed')));
    client.connect({ sock: socket, username: 'x', privateKey: key.privateKey, algorithms: SSH_ALGORITHMS });
  });
  return {
    client,
    socket,
    claimWindow(channel, bytes) {
      insideOf(client)._protocol.channelWindowAdjust(insideOf(channel).outgoing.id, bytes);
    },
    forgetGrant(channel) {
      insideOf(channel).outgoing.window = Number.MAX_SAFE_INTEGER;
    },
    open: workspace =>
      new Promise((resolve, reject) => {
        client.forwardOut('127.0.0.1', 1, workspace, 22, (error, channel) => {
          if (error) return reject(error);
          channel.on('error', () => {});
          resolve(channel);
        });
      }),
  };
}
