import { usageError } from '../errors.ts';

const PORT = 3001;

/** `host`, `host:port` or `https://host:port`. Throws CliError usage. */
export function serverUrl(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  if (!url?.hostname || url.protocol !== 'https:' || url.pathname !== '/' || url.search || url.username)
    throw usageError(`"${text}" is no address of a server`, 'HOST, HOST:PORT or https://HOST:PORT');
  // An address that names 443 has it dropped by URL.
  const given = /:(\d+)\/?$/.exec(text)?.[1];
  return `https://${url.hostname}:${url.port || given || PORT}`;
}
