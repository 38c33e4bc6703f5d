import { digest } from '../../controller/kit/hash.ts';
import type { Immutable } from './desired.ts';

/**
 * The label nexus.dev/spec-hash: `<version>-<16 hex digits>`. A scheme, once released, is never changed: a later one
 * gets the next version, and what carries an older one is compared by that one, so that an upgraded agent makes no
 * container anew.
 */
const SCHEMES: Record<string, (immutable: Immutable) => unknown> = {
  v1: ({ driver, image, user, volume, mountPath, publish }) => ({
    driver,
    image,
    user,
    volume,
    mountPath,
    publish: publish
      .map(({ containerPort, hostPort, hostAddress }) => `${hostAddress}:${hostPort}:${containerPort}`)
      .sort(),
  }),
};
const CURRENT = 'v1';

/** For a new instance. */
export function specHash(immutable: Immutable): string {
  return hashBy(CURRENT, immutable) as string;
}

/** Whether an instance with this label is what is asked for. A label of an unknown, later scheme is taken as a match. */
export function matchesSpecHash(label: string | undefined, immutable: Immutable): boolean {
  if (!label) return false;
  const expected = hashBy(label.split('-', 1)[0] ?? '', immutable);
  return expected === undefined ? /^v\d+-/.test(label) : expected === label;
}

function hashBy(version: string, immutable: Immutable): string | undefined {
  const scheme = Object.hasOwn(SCHEMES, version) ? SCHEMES[version] : undefined;
  return scheme && `${version}-${digest(scheme(immutable), 16)}`;
}
