import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { type Logger, silentLogger } from '../kit/log.ts';
import type { KeyPair } from './certificates.ts';

/** What a server shows its clients. Both PEM. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  /** Authority of clients' certificates, PEM. Without it none is asked for. */
  readonly clientCa?: string;
  /** Calls `fn` when both were made anew. Returns what takes that back. */
  onRenew?(fn: (material: KeyPair) => void): () => void;
}

export interface TlsOptions {
  /** Folder of the authority and the certificate; made 0700 when it is not there. */
  readonly dir: string;
  /** Names and addresses of the server beside localhost and the machine's own name. */
  readonly hosts?: readonly string[];
  readonly clock: Clock;
  readonly log?: Logger;
}

export interface ServerTls extends TlsMaterial {
  /** Certificate of the authority, PEM: what clients check the server with. */
  readonly ca: string;
  readonly clientCa: string;
  onRenew(fn: (material: KeyPair) => void): () => void;
  /** Ends the watch over the expiry. */
  close(): void;
}

const DAY_MS = 86_400_000;
const RENEW_BEFORE_MS = 60 * DAY_MS;
const ALWAYS = ['localhost', '127.0.0.1', '::1'];
const CA = 'ca';
const SERVER = 'server';
/** Of clients alone: who has its key can act as anybody. */
const CLIENT_CA = 'client-ca';

/** Loaded when a certificate must be made; see loadX509(). */
const certificates = () => import('./certificates.ts');

/**
 * The server's certificate, from an authority of its own that is made at the first start and kept. The certificate is
 * made anew when it nears its end or lacks a host, also while running. Throws Error with what to do when files are damaged.
 */
export async function openTls(options: TlsOptions): Promise<ServerTls> {
  const { dir, clock, log = silentLogger } = options;
  const hosts = [...new Set([...ALWAYS, hostname(), ...(options.hosts ?? [])])].filter(isHost);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  const authority = await openAuthority(dir, CA, 'Nexus CA', clock);
  const clients = await openClientAuthority(dir, clock);
  let current = await loadServer(dir);
  const listeners = new Set<(material: KeyPair) => void>();
  const renewIfDue = async () => {
    if (current && isGood(current, authority, hosts, clock.now())) return;
    const renewed = current !== undefined;
    const { createServerCertificate } = await certificates();
    current = await save(dir, SERVER, await createServerCertificate(authority, hosts, clock.now()));
    if (renewed) log.info({ hosts }, 'the server certificate was renewed');
    for (const listener of listeners) listener(current);
  };
  await renewIfDue();
  let renewing: Promise<void> = Promise.resolve();
  let cancel = () => {};
  const schedule = () => {
    cancel = clock.after(DAY_MS, () => {
      renewing = renewing
        .then(renewIfDue)
        .catch(error => log.error({ error: String(error) }, 'the server certificate could not be renewed'));
      schedule();
    });
  };
  schedule();
  return {
    ca: authority.cert,
    clientCa: clients.cert,
    get key() {
      return current!.key;
    },
    get cert() {
      return current!.cert;
    },
    onRenew(fn) {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    close: () => cancel(),
  };
}

/** The authority of clients' certificates, made at the first need and kept. Throws Error with what to do when its files are damaged. */
export function openClientAuthority(dir: string, clock: Clock): Promise<KeyPair> {
  return openAuthority(dir, CLIENT_CA, 'Nexus client CA', clock);
}

async function openAuthority(dir: string, file: string, name: string, clock: Clock): Promise<KeyPair> {
  const there = await loadAuthority(dir, file);
  if (there) return there;
  const { createAuthority } = await certificates();
  return save(dir, file, await createAuthority(clock.now(), name));
}

function isHost(host: string): boolean {
  return (
    isIP(host) !== 0 ||
    /^(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9])?)*$/.test(
      host,
    )
  );
}

/** Whether a certificate can go on being used. */
function isGood({ cert }: KeyPair, authority: KeyPair, hosts: readonly string[], now: Milliseconds): boolean {
  const certificate = new X509Certificate(cert);
  return (
    certificate.verify(new X509Certificate(authority.cert).publicKey) &&
    Date.parse(certificate.validTo) - now > RENEW_BEFORE_MS &&
    Date.parse(certificate.validFrom) <= now &&
    hosts.every(host => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined)
  );
}

/** Undefined when there is none yet: the certificate is written last, so a key alone is from a start that was broken off. */
async function loadAuthority(dir: string, name: string): Promise<KeyPair | undefined> {
  const [certFile, keyFile] = filesOf(dir, name);
  const cert = await readIfThere(certFile);
  if (cert === undefined) return undefined;
  const repair =
    'restore both from a backup, or remove both to have them made anew (clients must then be given the new authority)';
  const key = await readIfThere(keyFile);
  if (key === undefined) throw new Error(`${keyFile} is missing: ${repair}`);
  const fault = faultOf({ cert, key });
  if (fault)
    throw new Error(`${certFile} and ${keyFile} cannot be used (${fault.message}): ${repair}`, {
      cause: fault,
    });
  return { cert, key };
}

/** Undefined when there is none that can be used: another one costs nothing. */
async function loadServer(dir: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all(filesOf(dir, SERVER).map(readIfThere));
  return cert !== undefined && key !== undefined && !faultOf({ cert, key }) ? { cert, key } : undefined;
}

const filesOf = (dir: string, name: string): [cert: string, key: string] => [
  join(dir, `${name}.crt`),
  join(dir, `${name}.key`),
];

function faultOf({ cert, key }: KeyPair): Error | undefined {
  try {
    const matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    return matches ? undefined : new Error('they do not belong together');
  } catch (error) {
    return error as Error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key first: a certificate without its key would be worse than none. */
async function save(dir: string, name: string, pair: KeyPair): Promise<KeyPair> {
  const [certFile, keyFile] = filesOf(dir, name);
  await writeWhole(keyFile, pair.key);
  await writeWhole(certFile, pair.cert);
  return pair;
}

async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
