import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { kubeconfigPath, readKubeconfig } from '../../controller/client/kubeconfig.ts';
import { certificateFingerprint } from '../../controller/kit/login-proof.ts';
import { askYes, canAsk } from '../ask.ts';
import type { CommandContext, GlobalFlags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { callRest } from './rest.ts';

/** What a server tells of how to log in. */
export interface LoginInfo {
  authority: string;
  authority_fingerprint: string;
  github_host: string;
  registration: 'open' | 'closed';
}

/** A server that is known by its authority. */
export interface KnownServer {
  server: string;
  /** PEM. */
  ca: string;
  info: LoginInfo;
}

export interface TrustFlags extends GlobalFlags {
  ca?: string;
  fingerprint?: string;
}

/**
 * The server with the authority that its certificate is checked with from now on: `--ca`, the one of `--fingerprint`, the
 * one that it was known by before, or one that the person confirms. Throws CliError noAccess for any other.
 */
export async function knowServer(
  server: string,
  flags: TrustFlags,
  context: CommandContext,
): Promise<KnownServer> {
  const given = flags.ca === undefined ? undefined : readAuthority(resolve(context.io.cwd, flags.ca));
  const ca = given ?? (flags.fingerprint ? undefined : await knownAuthority(server, flags, context));
  if (ca !== undefined) return { server, ca, info: await infoOf(server, ca, context) };
  const shown = await shownAuthority(server, context);
  const fingerprint = certificateFingerprint(shown);
  if (flags.fingerprint) {
    if (plain(flags.fingerprint) !== plain(fingerprint))
      throw new CliError(
        `${server} shows an authority with the fingerprint ${fingerprint}, not the one that was given`,
        {
          exitCode: EXIT.noAccess,
          next: 'somebody may be in between; ask whoever runs the server for the fingerprint',
        },
      );
  } else await confirm(server, fingerprint, context);
  return { server, ca: shown, info: await infoOf(server, shown, context) };
}

async function confirm(server: string, fingerprint: string, context: CommandContext): Promise<void> {
  if (canAsk(context)) {
    context.note(`${server} is not known yet. Its authority has the fingerprint (SHA-256)\n  ${fingerprint}`);
    context.note('Whoever runs the server sees it with: nexus whoami');
    if (await askYes(context, 'Is it the same?')) return;
    throw new CliError('the server is not known, and nothing was sent to it', { exitCode: EXIT.noAccess });
  }
  throw new CliError(`${server} is not known yet; its authority has the fingerprint ${fingerprint}`, {
    exitCode: EXIT.noAccess,
    next: `compare it (nexus whoami, there), then: nexus login ${server.slice('https://'.length)} --fingerprint ${fingerprint}`,
  });
}

const infoOf = async (server: string, ca: string, context: CommandContext): Promise<LoginInfo> =>
  (await callRest<LoginInfo>(context, { server, ca }, { method: 'GET', path: '/login/info' })).body;

/** The authority that the server says it has, whose certificate it did show. */
async function shownAuthority(server: string, context: CommandContext): Promise<string> {
  const { body, certificate } = await callRest<LoginInfo>(
    context,
    { server, unchecked: true },
    { method: 'GET', path: '/login/info' },
  );
  try {
    const leaf = new X509Certificate(certificate);
    const authority = new X509Certificate(body.authority);
    if (leaf.checkIssued(authority) && leaf.verify(authority.publicKey)) return authority.toString();
  } catch {
    // Said below.
  }
  throw new CliError(`${server} shows a certificate that its authority did not sign`, {
    exitCode: EXIT.noAccess,
    next: 'something in between ends its TLS: log in at the server itself; through a proxy of yours: --ca FILE --with github',
  });
}

/** By which the kubeconfig knows the server. */
async function knownAuthority(
  server: string,
  flags: GlobalFlags,
  { io, home }: CommandContext,
): Promise<string | undefined> {
  const file = kubeconfigPath({ flag: flags.kubeconfig, env: io.env, home });
  const config = await readKubeconfig(file).catch(() => undefined);
  const known = config?.clusters?.find(({ cluster }) => cluster.server === server)?.cluster;
  const data = known?.['certificate-authority-data'];
  return data && Buffer.from(data, 'base64').toString();
}

function readAuthority(file: string): string {
  try {
    return new X509Certificate(readFileSync(file)).toString();
  } catch (cause) {
    throw usageError(`--ca ${file}: ${(cause as Error).message}`, 'the certificate of an authority, PEM');
  }
}

const plain = (fingerprint: string) =>
  fingerprint
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toUpperCase();
