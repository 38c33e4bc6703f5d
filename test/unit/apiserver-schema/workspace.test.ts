import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { checkStructural, compileSchema } from '../../../controller/apiserver/schema/compile.ts';

const read = (kind: string) =>
  parse(readFileSync(new URL(`../../../crds/${kind}.yaml`, import.meta.url), 'utf8'));
const crd = read('workspace');
const schema = compileSchema(crd.spec.versions[0].schema.openAPIV3Schema);

const shop = (change: (spec: Record<string, unknown>) => void = () => {}) => {
  const spec: Record<string, unknown> = {
    repo: { url: 'https://github.com/acme/shop.git', ref: 'main' },
    image: 'debian:12',
    resources: { cpu: '500m', memory: '4Gi' },
    env: [{ name: 'NODE_ENV', value: 'development' }],
    services: [
      { name: 'db', command: 'postgres', port: 5432, healthCheck: { exec: { command: ['pg_isready'] } } },
      { name: 'web', command: 'npm start', port: 3000, dependsOn: ['db'], healthCheck: { http: {} } },
    ],
    ports: [{ name: 'debug', port: 9229 }],
  };
  change(spec);
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'shop', namespace: 'default', creationTimestamp: null },
    spec,
  };
};

t.test('the CRDs of Nexus are structural and compile', async t => {
  for (const kind of ['workspace', 'placement', 'node', 'user']) {
    const definition = read(kind);
    t.strictSame(checkStructural(definition), [], kind);
    t.doesNotThrow(() => compileSchema(definition.spec.versions[0].schema.openAPIV3Schema), kind);
  }
});

t.test('a workspace is completed with defaults and found valid', async t => {
  const workspace = shop();
  t.strictSame(schema.prune(workspace), []);
  schema.default(workspace);
  t.match(workspace.spec, {
    running: true,
    retainVolume: false,
    services: [
      { exposure: 'Private', healthCheck: { intervalSeconds: 10, failureThreshold: 3 } },
      { healthCheck: { http: { path: '/' }, timeoutSeconds: 5 } },
    ],
    ports: [{ exposure: 'Private' }],
  });
  t.notOk('creationTimestamp' in workspace.metadata, 'null means absent');
  t.strictSame(schema.validate(workspace), []);
});

t.test('fields that are not known are dropped and named', async t => {
  const workspace = shop(spec => {
    spec.imgae = 'x';
    (spec.services as Record<string, unknown>[])[1]!.prot = 1;
  });
  Object.assign(workspace.metadata, { lables: {} });
  t.strictSame(schema.prune(workspace), ['metadata.lables', 'spec.services[1].prot', 'spec.imgae']);
  t.strictSame(schema.prune(workspace), []);
});

// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
type Spec = Record<string, any>;

const judge = (workspace: object, old?: object) => {
  schema.default(workspace);
  return schema.validate(workspace, old);
};

const mistakes: [reason: string, field: string, message: RegExp, change: (spec: Spec) => void][] = [
  [
    'FieldValueNotSupported',
    'spec.driver',
    /"vm".*supported values: "docker", "lxc"/,
    s => {
      s.driver = 'vm';
    },
  ],
  [
    'FieldValueInvalid',
    'spec.repo.url',
    /should match/,
    s => {
      s.repo.url = 'not a url';
    },
  ],
  [
    'FieldValueRequired',
    'spec.services[0].command',
    /^Required value$/,
    s => {
      delete s.services[0].command;
    },
  ],
  [
    'FieldValueTypeInvalid',
    'spec.services[0].port',
    /must be of type integer: "string"/,
    s => {
      s.services[0].port = '80';
    },
  ],
  [
    'FieldValueInvalid',
    'spec.ports[0].port',
    /less than or equal to 65535/,
    s => {
      s.ports[0].port = 70000;
    },
  ],
  [
    'FieldValueInvalid',
    'spec.ports[0].port',
    /greater than or equal to 1/,
    s => {
      s.ports[0].port = 0;
    },
  ],
  [
    'FieldValueDuplicate',
    'spec.services[1]',
    /Duplicate value: {"name":"db"}/,
    s => {
      s.services[1] = { name: 'db', command: 'x' };
    },
  ],
  [
    'FieldValueDuplicate',
    'spec.services[1].dependsOn[1]',
    /Duplicate value: "db"/,
    s => {
      s.services[1].dependsOn = ['db', 'db'];
    },
  ],
  [
    'FieldValueTooLong',
    'spec.services[0].name',
    /may not be more than 63 bytes/,
    s => {
      s.services[0].name = 'a'.repeat(64);
    },
  ],
  [
    'FieldValueTooMany',
    'spec.ports',
    /65: must have at most 64 items/,
    s => {
      s.ports = Array.from({ length: 65 }, (_, i) => ({ name: `p${i}`, port: i + 1 }));
    },
  ],
  [
    'FieldValueInvalid',
    'spec.resources.memory',
    /"4 GB".*should match/,
    s => {
      s.resources.memory = '4 GB';
    },
  ],
  [
    'FieldValueInvalid',
    'spec.ssh.user',
    /must not validate the schema/,
    s => {
      s.ssh = { user: 'root' };
    },
  ],
  [
    'FieldValueInvalid',
    'spec.ssh.authorizedKeys[0]',
    /should match/,
    s => {
      s.ssh = { authorizedKeys: ['my key'] };
    },
  ],
  [
    'FieldValueInvalid',
    'spec',
    /two services may not listen on the same port/,
    s => {
      s.services[1].port = 5432;
    },
  ],
  [
    'FieldValueInvalid',
    'spec',
    /dependsOn names a service that is not declared/,
    s => {
      s.services[1].dependsOn = ['cache'];
    },
  ],
  [
    'FieldValueInvalid',
    'spec',
    /a service may not depend on itself/,
    s => {
      s.services[1].dependsOn = ['web'];
    },
  ],
  [
    'FieldValueInvalid',
    'spec',
    /a port may not have the name of a service/,
    s => {
      s.ports[0].name = 'web';
    },
  ],
  [
    'FieldValueInvalid',
    'spec.services[0].healthCheck',
    /exactly one of http, tcp and exec/,
    s => {
      s.services[0].healthCheck = {};
    },
  ],
  [
    'FieldValueInvalid',
    'spec.env[0]',
    /value and valueFrom may not both be given/,
    s => {
      s.env[0].valueFrom = { secretKeyRef: { name: 'a', key: 'b' } };
    },
  ],
];
t.test('what people get wrong is named with its field', async t => {
  for (const [reason, field, message, change] of mistakes) {
    const causes = judge(shop(change));
    t.match(causes[0], { reason, field, message }, `${field}: ${message}`);
    const others = causes.slice(1).filter(cause => cause.field !== '<nil>');
    t.strictSame(others, [], `${field}: nothing else`);
  }
});

t.test('rules wait until types and required fields are right, and say so', async t => {
  const causes = judge(
    shop(spec => {
      spec.ports = 'none';
    }),
  );
  t.match(causes.at(-1), { field: '<nil>', message: /some validation rules were not checked/ });
});

t.test('the name of a workspace is a host name', async t => {
  const workspace = shop();
  workspace.metadata.name = 'shop.example';
  t.match(judge(workspace), [{ field: 'metadata.name', reason: 'FieldValueInvalid' }]);
});

t.test('what was stored before a schema became stricter may stay while nobody touches it', async t => {
  const old = shop(spec => {
    spec.driver = 'vm';
  });
  const next = structuredClone(old);
  next.spec.image = 'debian:13';
  t.strictSame(judge(next, old), []);
  next.spec.driver = 'vm2';
  t.match(judge(next, old), [{ field: 'spec.driver' }]);
  const broken = shop(spec => {
    (spec.services as Spec[])[1]!.healthCheck = {};
  });
  schema.default(broken);
  const moved = structuredClone(broken);
  (moved.spec.services as unknown[]).reverse();
  t.strictSame(judge(moved, broken), [], 'items are found again by their key');
});

t.test('thousands of wrong values give a bounded answer', async t => {
  const causes = judge(
    shop(spec => {
      spec.nodeSelector = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]));
    }),
  );
  t.ok(causes.length <= 101, `${causes.length} causes`);
});
