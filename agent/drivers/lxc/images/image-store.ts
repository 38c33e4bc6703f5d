import { DriverError } from '../../../driver.ts';
import type { ImageStore } from '../../images/create-images.ts';
import { derivedTag } from '../../images/recipe.ts';
import { isStatus, lxdCall } from '../api/lxd-error.ts';
import type { LxdImage } from '../api/types.ts';
import type { LxcContext } from '../context.ts';
import type { Making } from '../create-instance.ts';
import { completeImage } from './complete.ts';
import { pullImage } from './pull.ts';
import { checkReference, fingerprintOf, isOwnAlias, pulledAlias, remoteOf } from './reference.ts';

const aliasPath = (alias: string) => `/1.0/images/aliases/${encodeURIComponent(alias)}`;

/** The images of an LXD. The complete form of each has an alias, and so has what was fetched from a server. */
export function lxcImages(context: LxcContext, making: Making): ImageStore {
  const { lxd } = context;

  const byAlias = (alias: string): Promise<string | undefined> =>
    lxdCall(`look at image ${alias}`, async () => {
      const found = await lxd.find<{ target: string }>(aliasPath(alias));
      return found && `sha256:${found.target}`;
    });
  const byFingerprint = (fingerprint: string): Promise<string | undefined> =>
    lxdCall(`look at image ${fingerprint}`, async () => {
      const found = await lxd.find<LxdImage>(`/1.0/images/${fingerprint}`);
      return found && `sha256:${found.fingerprint}`;
    });
  const derivedAlias = (baseId: string) => `nexus-derived-${derivedTag(baseId)}`;

  return {
    check: checkReference,

    async find(reference) {
      const alias = await byAlias(reference);
      if (alias !== undefined) return alias;
      const fingerprint = fingerprintOf(reference);
      if (fingerprint !== undefined) return byFingerprint(fingerprint);
      const remote = remoteOf(reference, await context.remotes());
      return remote && byAlias(pulledAlias(remote));
    },

    findComplete: baseId => byAlias(derivedAlias(baseId)),

    async pull(reference, report, signal) {
      const remote = remoteOf(reference, await context.remotes());
      if (!remote) throw unknownImage(reference, await context.remotes());
      const fingerprint = await pullImage(context, { ...remote, reference }, report, signal);
      await setAlias(context, pulledAlias(remote), fingerprint, `fetched as ${reference}`);
    },

    async complete(base, report, signal) {
      const id = await completeImage(context, making, base, { report, signal });
      const description = `complete form of ${base.id}`;
      await setAlias(context, derivedAlias(base.id), id.replace(/^sha256:/, ''), description);
      return id;
    },
  };
}

/** Aliases that people gave, the largest image first. */
export async function imageNames({ lxd }: LxcContext): Promise<string[]> {
  const images = await lxd.list<LxdImage>('/1.0/images?recursion=1');
  const named = images.flatMap(({ size, aliases }) => (aliases ?? []).map(({ name }) => ({ name, size })));
  named.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  return named.map(({ name }) => name).filter(name => !isOwnAlias(name));
}

/** One that is there is moved. */
async function setAlias(
  { lxd }: LxcContext,
  name: string,
  target: string,
  description: string,
): Promise<void> {
  await lxdCall(`name image ${target.slice(0, 12)}`, async () => {
    try {
      await lxd.call('POST', '/1.0/images/aliases', { body: { name, target, description } });
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      await lxd.call('PUT', aliasPath(name), { body: { target, description } });
    }
  });
}

function unknownImage(reference: string, remotes: ReadonlyMap<string, string>): DriverError {
  const servers = [...remotes.keys()].join(', ') || 'none';
  return new DriverError(
    'ImageNotFound',
    `LXD has no image ${reference}; make it ("nexus image ${reference} --driver lxc"), give one that alias, or name an image server (${servers}) as in images:debian/12`,
  );
}
