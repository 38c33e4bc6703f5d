import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { ApiError } from '../../kit/errors.ts';
import {
  type Authenticator,
  bearerToken,
  type Credentials,
  GROUP_AUTHENTICATED,
  type Identity,
} from './identity.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** What a connection has shown of itself; a certificate is looked into once a connection. */
interface Shown {
  /** Absent: not signed by our authority, or not for a client. */
  readonly identity?: Identity;
  readonly from: Milliseconds;
  readonly to: Milliseconds;
}

/**
 * Certificates of clients: CN is the user, each O a group, as in Kubernetes. A certificate that does not hold is refused
 * unless the request has a token that does; without a certificate `others` are asked.
 */
export class ClientCertificates implements Authenticator {
  readonly #authority: X509Certificate;
  readonly #others: Authenticator;
  readonly #clock: Clock;
  /** Undefined of a connection that has shown nothing: it is asked for while it is made, and never again. */
  readonly #shown = new WeakMap<Socket, Shown | undefined>();

  /** `authority` is PEM. */
  constructor(authority: string, others: Authenticator, clock: Clock) {
    this.#authority = new X509Certificate(authority);
    this.#others = others;
    this.#clock = clock;
  }

  authenticate(request: Credentials): ReturnType<Authenticator['authenticate']> {
    const shown = this.#of(request.raw?.socket);
    if (!shown) return this.#others.authenticate(request);
    const now = this.#clock.now();
    if (shown.identity && shown.from <= now && now < shown.to) return shown.identity;
    if (bearerToken(request) !== undefined) return this.#others.authenticate(request);
    throw new ApiError('Unauthorized', 'Unauthorized');
  }

  #of(socket: Socket | undefined): Shown | undefined {
    if (!socket || !('getPeerX509Certificate' in socket)) return undefined;
    if (this.#shown.has(socket)) return this.#shown.get(socket);
    const certificate = (socket as TLSSocket).getPeerX509Certificate();
    const shown = certificate && this.#read(certificate);
    this.#shown.set(socket, shown);
    return shown;
  }

  #read(certificate: X509Certificate): Shown {
    const isOurs =
      certificate.checkIssued(this.#authority) &&
      certificate.verify(this.#authority.publicKey) &&
      certificate.keyUsage?.includes(CLIENT_AUTH);
    const { CN, O = [] } = certificate.toLegacyObject().subject as { CN?: Names; O?: Names };
    const [name] = [CN ?? []].flat();
    return {
      ...(isOurs &&
        name && { identity: { name, groups: [...new Set([...[O].flat(), GROUP_AUTHENTICATED])] } }),
      from: certificate.validFromDate.getTime(),
      to: certificate.validToDate.getTime(),
    };
  }
}

type Names = string | string[];
