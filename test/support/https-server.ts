import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { makeCertificates, type TestCertificates } from './certificates.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer {
  url: string;
  certificates: TestCertificates;
  /** What answers; may be exchanged at any time. */
  handler: Handler;
  /** Connections that are open now, and that were ever opened. */
  open: Set<Socket>;
  opened: number;
  close(): Promise<void>;
}

/** A small HTTPS server of one test, which does whatever its handler does. Asks for client certificates. */
export async function startHttpsServer(handler: Handler): Promise<TestServer> {
  const certificates = await makeCertificates();
  const { cert, key } = certificates.server;
  const server = createServer({
    cert,
    key,
    ca: certificates.ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const state: TestServer = {
    url: '',
    certificates,
    handler,
    open: new Set(),
    opened: 0,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of state.open) socket.destroy();
      }),
  };
  server.on('request', (request, response) => state.handler(request, response));
  server.on('secureConnection', socket => {
    state.opened++;
    state.open.add(socket);
    socket.on('close', () => state.open.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  state.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}
