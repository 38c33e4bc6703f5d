import { connect } from 'node:net';

/** What a port of the loopback says first; nothing when nobody answers. */
export function greeting(port: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', data => {
      resolve(String(data));
      socket.destroy();
    });
    socket.once('error', () => resolve(''));
    socket.once('close', () => resolve(''));
  });
}
