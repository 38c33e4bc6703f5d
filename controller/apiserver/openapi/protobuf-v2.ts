import { ProtobufWriter } from '../protobuf/writer.ts';

/**
 * The OpenAPI v2 document in protobuf, as gnostic's `openapiv2/OpenAPIv2.proto` lays it out: clients before 1.27 ask for
 * nothing else. What this server's documents do not hold is left out.
 */
export function encodeOpenApiV2(document: object): Buffer {
  return encode(document, DOCUMENT);
}

export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** The name before it had to be a valid media type. */
const OLD_NAME = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** Whether an Accept header prefers it. */
export function wantsProtobufV2(accept: string | undefined): boolean {
  const first = accept?.split(',', 1)[0]?.trim() ?? '';
  return first === OPENAPI_V2_PROTOBUF || first === OLD_NAME;
}

type Kind = 'string' | 'bool' | 'int' | 'double' | 'any' | (() => Shape);

interface Member {
  readonly field: number;
  readonly kind: Kind;
  /** Fields of messages around each value, from the outside in; for some, by the value. */
  readonly within?: readonly number[] | ((value: Value) => readonly number[]);
  /** Of a map: the field of its entries, which are messages of name and value. */
  readonly entries?: number;
}

interface Shape {
  readonly members: { readonly [key: string]: Member };
  /** Field of what begins with x-. */
  readonly extensions?: number;
}

type Value = { readonly [key: string]: unknown };

const string = (field: number): Member => ({ field, kind: 'string' });
const bool = (field: number): Member => ({ field, kind: 'bool' });
const int = (field: number): Member => ({ field, kind: 'int' });
const double = (field: number): Member => ({ field, kind: 'double' });
const any = (field: number): Member => ({ field, kind: 'any' });

const SCHEMA: Shape = {
  members: {
    $ref: string(1),
    format: string(2),
    title: string(3),
    description: string(4),
    default: any(5),
    multipleOf: double(6),
    maximum: double(7),
    exclusiveMaximum: bool(8),
    minimum: double(9),
    exclusiveMinimum: bool(10),
    maxLength: int(11),
    minLength: int(12),
    pattern: string(13),
    maxItems: int(14),
    minItems: int(15),
    uniqueItems: bool(16),
    maxProperties: int(17),
    minProperties: int(18),
    required: string(19),
    enum: any(20),
    additionalProperties: {
      field: 21,
      kind: () => SCHEMA,
      within: value => (typeof value === 'boolean' ? [] : [1]),
    },
    type: { ...string(22), within: [1] },
    items: { field: 23, kind: () => SCHEMA, within: [1] },
    allOf: { field: 24, kind: () => SCHEMA },
    properties: { field: 25, kind: () => SCHEMA, entries: 1 },
    example: any(30),
  },
  extensions: 31,
};

/** Of a body, of the query and of the path: the same names at other places. */
const BODY: Shape = {
  members: {
    description: string(1),
    name: string(2),
    in: string(3),
    required: bool(4),
    schema: { field: 5, kind: () => SCHEMA },
  },
};
const QUERY: Shape = {
  members: {
    required: bool(1),
    in: string(2),
    description: string(3),
    name: string(4),
    type: string(6),
    uniqueItems: bool(20),
  },
};
const PATH: Shape = {
  members: {
    required: bool(1),
    in: string(2),
    description: string(3),
    name: string(4),
    type: string(5),
    uniqueItems: bool(19),
  },
};
const PARAMETER: Shape = {
  members: {
    body: { field: 1, kind: () => BODY },
    query: { field: 2, kind: () => QUERY, within: [3] },
    path: { field: 2, kind: () => PATH, within: [4] },
  },
};

const RESPONSE: Shape = {
  members: { description: string(1), schema: { field: 2, kind: () => SCHEMA, within: [1] } },
};

const OPERATION: Shape = {
  members: {
    tags: string(1),
    description: string(3),
    operationId: string(5),
    consumes: string(7),
    parameters: { field: 8, kind: () => PARAMETER, within: [1] },
    responses: { field: 9, kind: () => RESPONSE, entries: 1, within: [1] },
  },
  extensions: 13,
};

const operation = (field: number): Member => ({ field, kind: () => OPERATION });
const PATH_ITEM: Shape = {
  members: {
    get: operation(2),
    put: operation(3),
    post: operation(4),
    delete: operation(5),
    patch: operation(8),
    parameters: { field: 9, kind: () => PARAMETER, within: [1] },
  },
};

const DOCUMENT: Shape = {
  members: {
    swagger: string(1),
    info: { field: 2, kind: () => ({ members: { title: string(1), version: string(2) } }) },
    paths: { field: 8, kind: () => PATH_ITEM, entries: 2 },
    definitions: { field: 9, kind: () => SCHEMA, entries: 1 },
  },
};

function encode(value: object, shape: Shape): Buffer {
  const out = new ProtobufWriter();
  const known = shape === PARAMETER ? { [(value as { in: string }).in]: value } : (value as Value);
  for (const [key, of] of Object.entries(known)) {
    if (of === undefined) continue;
    const member = shape.members[key];
    if (member) writeMember(out, member, of);
    else if (shape.extensions !== undefined && key.startsWith('x-'))
      out.bytes(shape.extensions, named(key, anyOf(of)));
  }
  return out.finish();
}

function writeMember(out: ProtobufWriter, member: Member, value: unknown): void {
  if (member.entries !== undefined) {
    const map = new ProtobufWriter();
    for (const [name, of] of Object.entries(value as object)) {
      const entry = new ProtobufWriter();
      entry.bytes(1, name);
      write(entry, { ...member, field: 2 }, of);
      map.bytes(member.entries, entry.finish());
    }
    out.bytes(member.field, map.finish());
    return;
  }
  for (const one of Array.isArray(value) && member.kind !== 'any' ? value : [value].flat())
    write(out, member, one);
}

function write(out: ProtobufWriter, { field, kind, within = [] }: Member, value: unknown): void {
  const around = typeof within === 'function' ? within(value as Value) : within;
  if (around.length > 0) {
    const inner = new ProtobufWriter();
    write(inner, { field: around[0]!, kind, within: around.slice(1) }, value);
    out.bytes(field, inner.finish());
  } else if (typeof value === 'boolean') {
    // Where a schema may be yes or no.
    if (kind === 'bool') out.varint(field, value);
    else if (kind === 'any') out.bytes(field, anyOf(value));
    else {
      const inner = new ProtobufWriter();
      inner.varint(2, value);
      out.bytes(field, inner.finish());
    }
  } else if (kind === 'any') out.bytes(field, anyOf(value));
  else if (kind === 'string' || kind === 'bool') out.bytes(field, String(value));
  else if (kind === 'int') out.varint(field, value as number);
  else if (kind === 'double') out.double(field, value as number);
  else out.bytes(field, encode(value as object, kind()));
}

function named(name: string, value: Buffer): Buffer {
  const out = new ProtobufWriter();
  out.bytes(1, name);
  out.bytes(2, value);
  return out.finish();
}

/** Any value, as YAML text: JSON is YAML. */
function anyOf(value: unknown): Buffer {
  const out = new ProtobufWriter();
  out.bytes(2, `${JSON.stringify(value)}\n`);
  return out.finish();
}
