import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { callRest, type RestCall } from './rest.ts';
import { loginToken } from './token.ts';

/** A call of the REST API as whoever the context is. Throws CliError. */
export async function callAsCaller<T>(call: Omit<RestCall, 'token'>, context: CommandContext): Promise<T> {
  const connection = await context.connection();
  const { server, ca, login } = connection;
  const token = login === undefined ? connection.token : await loginToken({ server, ca, login }, context);
  if (token === undefined)
    throw new CliError(`the context ${connection.context} has no token for the REST API of ${server}`, {
      exitCode: EXIT.noAccess,
      next: `nexus login ${server.replace('https://', '')}; on Kubernetes an admin does it: nexus edit user NAME`,
    });
  return (await callRest<T>(context, { server, ca }, { ...call, token })).body;
}

interface SelfReview {
  status?: { userInfo?: { username?: string; groups?: string[] } };
}

/** Who the context is at the server. Throws ApiError. */
export async function whoAmI(context: CommandContext): Promise<{ name: string; groups: string[] }> {
  const client = await context.client();
  const { text } = await client.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    signal: context.signal,
  });
  const { username = '', groups = [] } = (JSON.parse(text) as SelfReview).status?.userInfo ?? {};
  return { name: username, groups };
}
