import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../certificates.ts';
import { type AtBrowser, DeviceFlow } from './device-flow.ts';
import { type Fault, Faults } from './faults.ts';
import { GitFolder } from './git.ts';
import { createListener } from './listener.ts';
import { ALL_SCOPES, accountOf, createWorld, type Repository, repositoryKey, type World } from './world.ts';

/** An Enterprise server with the same accounts and repositories. */
export const ENTERPRISE_HOST = 'github.example.com';
const HOSTS = ['github.com', 'api.github.com', ENTERPRISE_HOST];

export interface RepositoryOptions {
  private?: boolean;
  /** Who may push beside the owner. */
  writers?: string[];
  /** Who may see it beside them, where it is private. */
  readers?: string[];
  forkable?: boolean;
  /** Defaults to main. */
  defaultBranch?: string;
  /** Path → text, committed to the default branch. Without: an empty repository. */
  files?: Record<string, string>;
}

export interface FakeGitHub {
  /** The API in plain HTTP, for programs that take its address: `nexus controller --github-api`. */
  url: string;
  /** The same with TLS, `https://localhost:PORT`: the API below /api/v3 and /api/graphql, git and the device flow. */
  tlsUrl: string;
  /** PEM file of the authority that signed its certificates. */
  caFile: string;
  /** What git, gh, node and curl need to take this for `github.com` and ENTERPRISE_HOST, at port 443. */
  env: Record<string, string>;
  world: World;
  /** Requests so far, as `GET /user` (API), `GET github.com/ada/shop.git/info/refs` (all else). */
  calls: string[];
  /** Makes the account where there is none. Returns a token of it: classic with these scopes, fine-grained for null. */
  token(login: string, scopes?: string[] | null): string;
  idOf(login: string): number;
  /** It is nobody's from now on: 401. */
  revoke(token: string): void;
  addRepository(path: `${string}/${string}`, options?: RepositoryOptions): Promise<Repository>;
  /** A commit on a branch with these files alone. Returns its id. */
  commit(path: `${string}/${string}`, branch: string, files: Record<string, string>): Promise<string>;
  /** From now on; undefined mends it. */
  setFault(fault: Fault | undefined): void;
  /** What the person in front of the browser does with the code of the device flow; `waits` at first. */
  setAtBrowser(what: AtBrowser): void;
  close(): Promise<void>;
}

/**
 * A local server that answers as GitHub does, for programs that talk to github.com: they are sent to it by a proxy
 * (HTTPS_PROXY), through which it shows a certificate for the host that was asked for, signed by an authority of its own.
 * Any other host is refused there, so that no test reaches the network.
 *
 * @example
 * const github = await fakeGitHub();
 * t.teardown(() => github.close());
 * const token = github.token('ada', ['repo', 'read:org']);
 * await github.addRepository('acme/shop', { private: true, writers: ['ada'], files: { 'README.md': '# shop' } });
 * spawn('gh', ['repo', 'view', 'acme/shop'], { env: { PATH, ...github.env, GH_CONFIG_DIR: dir, GH_TOKEN: token } });
 * github.setFault({ how: 'network', from: 2 }); // the second request from now on is cut, and all that follow
 *
 * `address` is what it listens on: one that containers reach, for repositories that are cloned in them.
 */
export async function fakeGitHub({ address = '127.0.0.1' } = {}): Promise<FakeGitHub> {
  const root = mkdtempSync(join(tmpdir(), 'nexus-github-'));
  const world = createWorld();
  const git = new GitFolder(join(root, 'git'));
  mkdirSync(git.root);
  const faults = new Faults();
  const device = new DeviceFlow(world);
  const calls: string[] = [];
  const certificates = await makeCertificates('tester', { names: HOSTS, addresses: [address] });
  const caFile = join(root, 'ca.pem');
  writeFileSync(caFile, certificates.ca);

  const listener: RequestListener = createListener({ world, git, faults, device, calls });
  const secure = createTlsServer(certificates.server, listener);
  const plain = createServer(listener);
  plain.on('connect', (request: IncomingMessage, socket) => {
    const host = request.url?.replace(/:443$/, '') ?? '';
    socket.on('error', () => socket.destroy());
    if (!HOSTS.includes(host)) return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    secure.emit('connection', socket);
  });
  secure.on('tlsClientError', () => {});
  for (const server of [plain, secure]) await once(server.listen(0, address), 'listening');
  const portOf = (server: typeof plain) => (server.address() as AddressInfo).port;
  const url = `http://${address}:${portOf(plain)}`;

  return {
    url,
    tlsUrl: `https://${address === '127.0.0.1' ? 'localhost' : address}:${portOf(secure as typeof plain)}`,
    caFile,
    env: {
      HTTPS_PROXY: url,
      https_proxy: url,
      NO_PROXY: 'localhost,127.0.0.1,::1',
      no_proxy: 'localhost,127.0.0.1,::1',
      NODE_USE_ENV_PROXY: '1',
      NODE_EXTRA_CA_CERTS: caFile,
      SSL_CERT_FILE: caFile,
      GIT_SSL_CAINFO: caFile,
      CURL_CA_BUNDLE: caFile,
      GH_NO_UPDATE_NOTIFIER: '1',
      // gh ends before it would pay to collect garbage.
      GOGC: 'off',
    },
    world,
    calls,
    token(login, scopes = ALL_SCOPES) {
      accountOf(world, login);
      const token = `${scopes ? 'ghp' : 'github_pat'}_${randomBytes(18).toString('hex')}`;
      world.tokens.set(token, { login, scopes: scopes ?? undefined });
      return token;
    },
    idOf: login => accountOf(world, login).id,
    revoke: token => void world.tokens.delete(token),
    async addRepository(path, options = {}) {
      const [owner = '', name = ''] = path.split('/');
      const { files, defaultBranch = 'main', readers = [], writers = [], forkable = true } = options;
      accountOf(world, owner);
      const made = {
        owner,
        name,
        private: options.private ?? false,
        readers,
        writers,
        forkable,
        defaultBranch,
        createdAt: new Date(),
      };
      await git.create(owner, name, defaultBranch);
      if (files) await git.commit(owner, name, defaultBranch, files);
      world.repositories.set(repositoryKey(owner, name), made);
      return made;
    },
    commit(path, branch, files) {
      const [owner = '', name = ''] = path.split('/');
      return git.commit(owner, name, branch, files);
    },
    setFault: fault => faults.set(fault),
    setAtBrowser(what) {
      device.atBrowser = what;
    },
    async close() {
      for (const server of [plain, secure]) {
        server.closeAllConnections();
        await new Promise(resolve => server.close(resolve));
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}
