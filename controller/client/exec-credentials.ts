import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { HttpsTransportOptions } from './https-transport.ts';
import { KubeconfigError } from './kubeconfig.ts';

/**
 * Credentials of a context whose user names a program (`exec`) or an `auth-provider`. The program is run now, and again
 * when its token has run out. Throws KubeconfigError Invalid when it fails.
 */
export async function execCredentials(
  file: string,
  context: string,
): Promise<Pick<HttpsTransportOptions, 'token' | 'clientCert'>> {
  const config = new KubeConfig();
  config.loadFromFile(file);
  config.setCurrentContext(context);
  const ask = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KubeconfigError(
        'Invalid',
        `${file}: the credentials of context ${context} cannot be had: ${why}`,
        {
          cause,
        },
      );
    }
    return options;
  };
  const bearer = (options: RequestOptions): string => {
    const { Authorization: header } = (options.headers ?? {}) as { Authorization?: string };
    return header?.replace(/^Bearer /, '') ?? '';
  };
  const first = await ask();
  const { cert, key } = first;
  return {
    ...(bearer(first) && { token: async () => bearer(await ask()) }),
    ...(cert && key && { clientCert: { cert: String(cert), key: String(key) } }),
  };
}
