import { sha256 } from '../../kit/hash.ts';
import type { Document } from '../discovery/discovery.ts';
import type { Registry } from '../registry/registry.ts';
import type { ServedResource } from '../registry/served-resource.ts';
import { kindSchemas } from './kind-schemas.ts';
import { metaSchemas } from './meta-schemas.ts';
import { type Dialect, pathsOf } from './operations.ts';
import { encodeOpenApiV2 } from './protobuf-v2.ts';

const V3: Dialect = {
  refs: '#/components/schemas/',
  parameter: ({ name, in: where, type, description }) => ({
    name,
    in: where,
    description,
    ...(where === 'path' && { required: true }),
    schema: { type, uniqueItems: true },
  }),
  body: (schema, mediaTypes) => ({
    requestBody: {
      required: true,
      content: Object.fromEntries(mediaTypes.map(type => [type, { schema: { $ref: V3.refs + schema } }])),
    },
  }),
  response: (description, schema) => ({
    description,
    content: Object.fromEntries(
      ['application/json', 'application/yaml'].map(type => [type, { schema: { $ref: V3.refs + schema } }]),
    ),
  }),
};

const V2: Dialect = {
  refs: '#/definitions/',
  parameter: ({ name, in: where, type, description }) => ({
    name,
    in: where,
    type,
    description,
    uniqueItems: true,
    ...(where === 'path' && { required: true }),
  }),
  body: (schema, mediaTypes) => ({
    consumes: mediaTypes,
    parameters: [{ name: 'body', in: 'body', required: true, schema: { $ref: V2.refs + schema } }],
  }),
  response: (description, schema) => ({ description, schema: { $ref: V2.refs + schema } }),
};

/**
 * The API's OpenAPI documents: a v3 index and one document a group-version, made on first use, and v2 in one piece. Made
 * again only when the registry changes.
 */
export class OpenApi {
  readonly #registry: Registry;
  readonly #version: string;
  #revision = -1;
  #documents = new Map<string, Document>();
  #v2Bytes: Buffer | undefined;

  constructor(registry: Registry, version: string) {
    this.#registry = registry;
    this.#version = version;
  }

  /** The document at a path, `/openapi/v3`, `/openapi/v3/apis/<g>/<v>` or `/openapi/v2`; undefined when there is none. */
  get(path: string): Document | undefined {
    if (this.#revision !== this.#registry.revision) {
      this.#documents.clear();
      this.#v2Bytes = undefined;
      this.#revision = this.#registry.revision;
    }
    let document = this.#documents.get(path);
    if (!document) {
      const value = this.#build(path);
      if (!value) return undefined;
      const json = JSON.stringify(value);
      document = { json, hash: sha256(json).toUpperCase() };
      this.#documents.set(path, document);
    }
    return document;
  }

  /** The v2 document in protobuf. */
  getV2Protobuf(): { bytes: Buffer; hash: string } {
    const { json, hash } = this.get('/openapi/v2')!;
    this.#v2Bytes ??= encodeOpenApiV2(JSON.parse(json));
    return { bytes: this.#v2Bytes, hash };
  }

  #build(path: string): object | undefined {
    if (path === '/openapi/v3') return this.#index();
    if (path === '/openapi/v2') return this.#v2();
    const served = this.#groupVersions().get(path.slice('/openapi/v3/'.length));
    if (!served) return undefined;
    return {
      openapi: '3.0.0',
      info: this.#info(),
      paths: Object.assign({}, ...served.map(one => pathsOf(one, V3))),
      components: {
        schemas: Object.assign(metaSchemas(V3.refs), ...served.map(one => kindSchemas(one, V3.refs))),
        securitySchemes: { BearerToken: { type: 'apiKey', in: 'header', name: 'authorization' } },
      },
    };
  }

  #index(): object {
    const paths: Record<string, object> = {};
    for (const key of this.#groupVersions().keys()) {
      const path = `/openapi/v3/${key}`;
      paths[key] = { serverRelativeURL: `${path}?hash=${this.get(path)?.hash}` };
    }
    return { paths };
  }

  #v2(): object {
    const served = [...this.#groupVersions().values()].flat();
    return {
      swagger: '2.0',
      info: this.#info(),
      paths: Object.assign({}, ...served.map(one => pathsOf(one, V2))),
      definitions: Object.assign(metaSchemas(V2.refs), ...served.map(one => kindSchemas(one, V2.refs))),
      securityDefinitions: { BearerToken: { type: 'apiKey', in: 'header', name: 'authorization' } },
    };
  }

  #info() {
    return { title: 'Nexus', version: this.#version };
  }

  /** By `api/v1` or `apis/<group>/<version>`. */
  #groupVersions(): Map<string, readonly ServedResource[]> {
    return new Map(
      this.#registry.groups.flatMap(({ group, versions }) =>
        versions.map(
          ({ version, resources }) =>
            [group ? `apis/${group}/${version}` : `api/${version}`, resources] as const,
        ),
      ),
    );
  }
}
