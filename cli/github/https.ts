import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { getCACertificates } from 'node:tls';
import type { CommandContext } from '../command.ts';
import { type HttpsAnswer, type HttpsRequest, sendHttps } from '../send-https.ts';
import { outOfReach } from './answer.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * A request to GitHub by ourselves, with what gh and git go by: HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. Throws CliError
 * unreachable.
 */
export function askGitHub(
  { io, signal }: Pick<CommandContext, 'io' | 'signal'>,
  asked: Omit<HttpsRequest, 'agent' | 'maxBytes'>,
): Promise<HttpsAnswer> {
  const { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy, SSL_CERT_FILE } = io.env;
  const agent = new Agent({
    proxyEnv: { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy },
    ...(SSL_CERT_FILE && { ca: [...getCACertificates('default'), readFileSync(SSL_CERT_FILE, 'utf8')] }),
  });
  return sendHttps({ ...asked, agent, maxBytes: MAX_BYTES }, signal, cause =>
    outOfReach(new URL(asked.url).host, cause.message, cause),
  );
}
