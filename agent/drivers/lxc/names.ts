import { createHash } from 'node:crypto';
import { LABEL_NODE } from '../../../crds/names.ts';
import type { Config } from './api/types.ts';

/** Our labels are config keys with this before their name: LXD keeps keys of users as they are. */
const LABEL_PREFIX = 'user.';
/** Keys of the driver's own, which are no labels. */
const OWN_PREFIX = 'user.nexus-lxc.';

export const KEY = {
  /** Name by the contract: LXD's own names are host names, of at most 63 characters and without dots. */
  name: `${OWN_PREFIX}name`,
  /** Tells an instance from a later one of the same name. */
  id: `${OWN_PREFIX}id`,
  /** On an instance that is being made: the node. It has no labels as yet, so nobody takes it for whole. */
  unfinished: `${OWN_PREFIX}unfinished`,
  /** On an instance that lives for a moment to look into an image: the node. */
  helper: `${OWN_PREFIX}helper`,
} as const;

const MAX_LENGTH = 63;
const TAIL = 9;

/** `nexus-shop.default-1a2b3c4d` → `nexus-shop-default-1a2b3c4d`. A long one keeps its beginning, and the digest at its end. */
export function lxdName(name: string): string {
  const clean = name.replace(/[^A-Za-z0-9-]+/g, '-').replace(/^[^A-Za-z]+/, '');
  if (clean.length <= MAX_LENGTH) return clean;
  return `${clean.slice(0, MAX_LENGTH - TAIL)}${clean.slice(-TAIL)}`;
}

/** Of a volume, whose name may end in something else than a digest. */
export function lxdVolumeName(name: string): string {
  const clean = name.replace(/[^A-Za-z0-9-]+/g, '-');
  if (clean === name && name.length <= MAX_LENGTH) return name;
  const digest = createHash('sha256')
    .update(name)
    .digest('hex')
    .slice(0, TAIL - 1);
  return `${clean.slice(0, MAX_LENGTH - TAIL)}-${digest}`;
}

/** Id by the contract: LXD's name and what tells it from a later one. */
export function instanceId(name: string, config: Config): string {
  return `${name}.${config[KEY.id] ?? ''}`;
}

/** Undefined when it is no id of ours. */
export function parseInstanceId(id: string): { name: string; mark: string } | undefined {
  const [, name, mark] = /^([A-Za-z][A-Za-z0-9-]{0,62})\.([0-9a-f]+)$/.exec(id) ?? [];
  return name !== undefined && mark !== undefined ? { name, mark } : undefined;
}

export function toLabelConfig(labels: Record<string, string>): Config {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [LABEL_PREFIX + key, value]));
}

export function labelsOf(config: Config): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) =>
      key.startsWith(LABEL_PREFIX) && !key.startsWith(OWN_PREFIX)
        ? [[key.slice(LABEL_PREFIX.length), value]]
        : [],
    ),
  );
}

/** One label, without a look at the others. */
export function labelOf(config: Config, label: string): string | undefined {
  return config[LABEL_PREFIX + label];
}

/** Whether an instance is this node's, be it whole, being made, or a helper. */
export function isOf(config: Config, node: string): boolean {
  return (
    labelOf(config, LABEL_NODE) === node || config[KEY.unfinished] === node || config[KEY.helper] === node
  );
}
