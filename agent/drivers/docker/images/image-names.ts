import type Docker from 'dockerode';
import { familiarName } from '../../../../controller/kit/image-name.ts';
import { isDerived } from './derive.ts';

/** Names of the images that the engine has, the largest first; ours for their complete forms left out. */
export async function imageNames(docker: Docker): Promise<string[]> {
  const images = await docker.listImages();
  const named = images.flatMap(({ RepoTags, RepoDigests, Size }) => {
    const tags = (RepoTags ?? []).filter(tag => !tag.includes('<none>'));
    // Without a tag: pulled by its digest.
    const names = tags.length > 0 ? tags : (RepoDigests ?? []).filter(name => !name.includes('<none>'));
    return names.map(familiarName).flatMap(name => (isDerived(name) ? [] : [{ name, size: Size ?? 0 }]));
  });
  named.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  return [...new Set(named.map(({ name }) => name))];
}
