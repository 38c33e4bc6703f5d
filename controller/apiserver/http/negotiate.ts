import { BoundedMap } from '../../kit/bounded-map.ts';
import { ApiError } from '../../kit/errors.ts';

/** The form in which a client wants an answer. */
export interface Wanted {
  readonly format: 'json' | 'yaml';
  /** `Table`, `PartialObjectMetadata`, `PartialObjectMetadataList`, `APIGroupDiscoveryList`; absent for the plain object. */
  readonly as?: string;
  /** Group and version of `as`. */
  readonly group?: string;
  readonly version?: string;
}

/** A transformation that a kind of answer can be given in. */
export interface Offer {
  readonly as: string;
  readonly group: string;
  readonly versions: readonly string[];
}

export const META_OFFERS: readonly Offer[] = [
  { as: 'Table', group: 'meta.k8s.io', versions: ['v1'] },
  { as: 'PartialObjectMetadata', group: 'meta.k8s.io', versions: ['v1'] },
  { as: 'PartialObjectMetadataList', group: 'meta.k8s.io', versions: ['v1'] },
];

const JSON_ANSWER: Wanted = { format: 'json' };
/** What Accept headers mean; there are few of them. */
const parsed = new BoundedMap<string, readonly Candidate[]>(256);

interface Candidate {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly q: number;
}

/** The best of what the client accepts and this server has. Throws NotAcceptable when there is none (protobuf alone, say). */
export function negotiate(accept: string | undefined, offers: readonly Offer[]): Wanted {
  if (!accept || accept === '*/*' || accept === 'application/json') return JSON_ANSWER;
  for (const { type, params } of parseAccept(accept)) {
    const format = FORMATS[type];
    if (!format) continue;
    const as = params.get('as');
    if (as === undefined) return format === 'json' ? JSON_ANSWER : { format };
    const [group, version] = [params.get('g') ?? '', params.get('v') ?? ''];
    if (offers.some(o => o.as === as && o.group === group && o.versions.includes(version)))
      return { format, as, group, version };
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
    {},
  );
}

const FORMATS: Record<string, 'json' | 'yaml'> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
};

function parseAccept(accept: string): readonly Candidate[] {
  const known = parsed.get(accept);
  if (known) return known;
  const candidates = accept
    .split(',')
    .map(part => {
      const [type = '', ...rest] = part.split(';').map(text => text.trim());
      const params = new Map(rest.map(text => text.split('=', 2) as [string, string]));
      return { type: type.toLowerCase(), params, q: Number(params.get('q') ?? 1) };
    })
    .filter(candidate => candidate.q > 0)
    .sort((a, b) => b.q - a.q);
  parsed.set(accept, candidates);
  return candidates;
}
