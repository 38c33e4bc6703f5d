import type { Placement } from '../../../crds/types.generated.ts';
import { type Amounts, placedAmounts } from './requests.ts';

/** What a placement takes of its node. */
export interface Claim extends Amounts {
  ports: readonly number[];
}

/** What one workspace has on one node: as the cache shows it, and as it was just decided but not seen yet. */
export interface Holding {
  node: string;
  /** Of the workspace. */
  namespace: string;
  /** When the placement was made; Infinity until it is seen. The older one keeps a port that two were given. */
  since: number;
  cached?: Written;
  /** Written, but not seen yet: the last of these is what the API has. */
  confirmed?: Written;
  /** On its way: the API has this or what was there before. */
  assumed?: Claim;
}

/** A claim as the API has it. */
export interface Written {
  claim: Claim;
  generation: number;
  uid: string;
}

export function claimOf(placement: Placement): Claim {
  const { ssh, forwards = [] } = placement.spec;
  return {
    ...placedAmounts(placement.spec),
    ports: [...new Set([ssh.port, ...forwards.map(f => f.hostPort)])],
  };
}

export function writtenOf(placement: Placement): Written {
  const { generation = 0, uid = '' } = placement.metadata;
  return { claim: claimOf(placement), generation, uid };
}

export const claimsOf = ({ cached, confirmed, assumed }: Holding): Claim[] =>
  [cached?.claim, confirmed?.claim, assumed].filter(claim => claim !== undefined);

/** Whatever may be what the API has counts. */
export const effective = (holding: Holding) => union(claimsOf(holding));

/** Every port, and each amount at its largest. */
export function union(claims: Claim[]): Claim {
  const [first] = claims;
  if (first && claims.length === 1) return first;
  const most = (key: keyof Amounts) => Math.max(0, ...claims.map(claim => claim[key]));
  return {
    cpuMillis: most('cpuMillis'),
    memoryBytes: most('memoryBytes'),
    diskBytes: most('diskBytes'),
    ports: [...new Set(claims.flatMap(claim => claim.ports))],
  };
}

/** Whether the cache shows what was written, or what came after it. */
export function isOvertaken(written: Written | undefined, cached: Written | undefined): boolean {
  return !!written && !!cached && written.uid === cached.uid && cached.generation >= written.generation;
}
