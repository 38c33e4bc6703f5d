import { sha256 } from '../../../../controller/kit/hash.ts';
import { DriverError } from '../../../driver.ts';

const MAX_LENGTH = 512;
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._/+~:@-]*$/;
const FINGERPRINT = /^(?:sha256:)?([0-9a-f]{12,64})$/;
const REMOTE = /^([a-z0-9][a-z0-9-]*):(.+)$/;

/** Throws Invalid unless it is an alias, a fingerprint, or one of these on an image server. */
export function checkReference(reference: string): void {
  if (reference.length <= MAX_LENGTH && REFERENCE.test(reference)) return;
  throw new DriverError(
    'Invalid',
    `${JSON.stringify(reference.slice(0, 80))} is no image reference; write an alias as in nexus-workspace/1, one of an image server as in images:debian/12, or a fingerprint`,
  );
}

/** The hex digits, all or the first of them; undefined when it is none. */
export function fingerprintOf(reference: string): string | undefined {
  return FINGERPRINT.exec(reference)?.[1];
}

/** `images:debian/12` on a server that is known; undefined for what is of no server. */
export function remoteOf(
  reference: string,
  remotes: ReadonlyMap<string, string>,
): { server: string; alias: string } | undefined {
  const [, name = '', alias = ''] = REMOTE.exec(reference) ?? [];
  const server = remotes.get(name);
  return server === undefined ? undefined : { server, alias };
}

/** Alias by which an image that was fetched from a server is found again. */
export function pulledAlias({ server, alias }: { server: string; alias: string }): string {
  return `nexus-pulled-${sha256(`${server}\n${alias}`).slice(0, 32)}`;
}

/** Whether an alias is of the driver's own making. */
export function isOwnAlias(alias: string): boolean {
  return /^nexus-(pulled|derived)-[0-9a-f]{32}$/.test(alias);
}

/** Name of the server and its URL, from `name=https://…`. Throws when it is neither. */
export function parseRemote(text: string): [name: string, url: string] {
  const [, name, url] = /^([a-z0-9][a-z0-9-]*)=(https?:\/\/\S+)$/.exec(text) ?? [];
  if (name === undefined || url === undefined || !URL.canParse(url))
    throw new Error(
      `${JSON.stringify(text)} is no image server; write it as in images=https://images.example.com`,
    );
  return [name, url.replace(/\/+$/, '')];
}
