/**
 * An image's name as people write it, with its tag: `docker.io/library/debian` → `debian:latest`. Podman's name for what
 * is from no registry goes too.
 */
export function familiarName(reference: string): string {
  const short = reference.replace(/^(?:localhost|(?:index\.)?docker\.io(?:\/library)?)\//, '');
  return /[:@]/.test(short.slice(short.lastIndexOf('/') + 1)) ? short : `${short}:latest`;
}
