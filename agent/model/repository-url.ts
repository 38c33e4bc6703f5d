/** A URL as it may be shown: a name and password in it are left out. Other forms (`git@host:path`) are as they are. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}

/** Whether both lead to the same repository, whatever credentials and endings they are written with. */
export function sameRepositoryUrl(a: string, b: string): boolean {
  const plain = (url: string) =>
    withoutCredentials(url)
      .replace(/\/+$/, '')
      .replace(/\.git$/, '');
  return plain(a) === plain(b);
}
