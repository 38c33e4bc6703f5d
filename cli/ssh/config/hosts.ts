import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from '../../../controller/kit/write-file.ts';
import type { Gateway } from '../gateway.ts';
import { contextSlug, hostsFolder } from '../places.ts';
import type { PublishedHost } from '../published.ts';
import type { Via } from '../way.ts';

/** A workspace that has an alias. */
export interface KnownHost extends PublishedHost {
  /** Of an address of loopback: whether it was seen to be this machine's own. */
  isHere?: boolean;
}

/** What is known of the workspaces of one server: what the configuration is made of. */
export interface ServerHosts {
  version: 1;
  context: string;
  server: string;
  /** Workspaces in it go by their name alone as well. */
  namespace: string;
  /** Around every alias. */
  prefix: string;
  suffix: string;
  via: Via;
  /** The person's own configuration that includes ours. */
  file: string;
  gateway?: Gateway;
  workspaces: KnownHost[];
}

const fileOf = (home: string, context: string) => join(hostsFolder(home), `${contextSlug(context)}.json`);

/** What is known of a context's workspaces; undefined: `nexus ssh-config` was not asked for. */
export async function readHosts(home: string, context: string): Promise<ServerHosts | undefined> {
  return parse(await readFile(fileOf(home, context), 'utf8').catch(() => undefined));
}

/** Of every context, in a stable order. */
export async function readAllHosts(home: string): Promise<ServerHosts[]> {
  const names = await readdir(hostsFolder(home)).catch(() => [] as string[]);
  const files = names.filter(name => name.endsWith('.json')).sort();
  const texts = await Promise.all(
    files.map(name => readFile(join(hostsFolder(home), name), 'utf8').catch(() => undefined)),
  );
  return texts.flatMap(text => parse(text) ?? []);
}

export async function writeHosts(home: string, hosts: ServerHosts): Promise<void> {
  await mkdir(hostsFolder(home), { recursive: true, mode: 0o700 });
  await writeFileWhole(fileOf(home, hosts.context), `${JSON.stringify(hosts, null, 1)}\n`);
}

export async function removeHosts(home: string, context: string): Promise<void> {
  await rm(fileOf(home, context), { force: true });
}

/** One that is damaged is none: the next update writes it again. */
function parse(text: string | undefined): ServerHosts | undefined {
  try {
    const hosts = JSON.parse(text ?? '') as ServerHosts;
    return hosts.version === 1 && Array.isArray(hosts.workspaces) ? hosts : undefined;
  } catch {
    return undefined;
  }
}
