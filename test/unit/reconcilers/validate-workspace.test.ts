import t from 'tap';
import { validateWorkspace } from '../../../controller/reconcilers/workspace/validate-workspace.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';

const service = (name: string, extra: object = {}) => ({ name, command: 'true', ...extra });

const valid: { reason: string; spec: WorkspaceSpec }[] = [
  { reason: 'nothing declared', spec: {} },
  {
    reason: 'a diamond of dependencies is no cycle',
    spec: {
      services: [
        service('a', { dependsOn: ['b', 'c'] }),
        service('b', { dependsOn: ['d'] }),
        service('c', { dependsOn: ['d'] }),
        service('d'),
      ],
    },
  },
  {
    reason: 'a health check takes the port of its service',
    spec: { services: [service('web', { port: 80, healthCheck: { tcp: {} } })] },
  },
  {
    reason: 'an exec check needs no port',
    spec: { services: [service('web', { healthCheck: { exec: { command: ['true'] } } })] },
  },
  { reason: 'quantities', spec: { resources: { cpu: '500m', memory: '32Mi', disk: '1G' } } },
  { reason: 'an empty toleration tolerates everything', spec: { tolerations: [{ operator: 'Exists' }] } },
];

for (const { reason, spec } of valid)
  t.test(`accepts: ${reason}`, async t => t.same(validateWorkspace(spec), []));

const invalid: { reason: string; spec: WorkspaceSpec; names: RegExp; faults?: number }[] = [
  {
    reason: 'a cycle is named service by service',
    spec: {
      services: [
        service('a', { dependsOn: ['b'] }),
        service('b', { dependsOn: ['c'] }),
        service('c', { dependsOn: ['a'] }),
      ],
    },
    names: /a → b → c → a/,
  },
  {
    reason: 'a service that depends on itself',
    spec: { services: [service('a', { dependsOn: ['a'] })] },
    names: /a → a/,
  },
  {
    reason: 'a cycle away from where one starts to look',
    spec: {
      services: [
        service('x', { dependsOn: ['a'] }),
        service('a', { dependsOn: ['b'] }),
        service('b', { dependsOn: ['a'] }),
      ],
    },
    names: /a → b → a/,
  },
  {
    reason: 'a dependency that is not declared',
    spec: { services: [service('a', { dependsOn: ['ghost'] })] },
    names: /"ghost"/,
  },
  {
    reason: 'two services on one port',
    spec: { services: [service('a', { port: 80 }), service('b', { port: 80 })] },
    names: /port 80 .*"a"/,
  },
  {
    reason: 'a port that a service has already',
    spec: { services: [service('a', { port: 80 })], ports: [{ name: 'p', port: 80 }] },
    names: /port 80/,
  },
  { reason: 'the port of SSH', spec: { ports: [{ name: 'p', port: 22 }] }, names: /22/ },
  {
    reason: 'one name for a service and a port',
    spec: { services: [service('a')], ports: [{ name: 'a', port: 1 }] },
    names: /"a" is used twice/,
  },
  {
    reason: 'a health check without a port anywhere',
    spec: { services: [service('a', { healthCheck: { http: { path: '/' } } })] },
    names: /no port/,
  },
  {
    reason: 'a health check of two kinds',
    spec: {
      services: [service('a', { port: 1, healthCheck: { tcp: {}, exec: { command: ['true'] } } })],
    },
    names: /exactly one/,
  },
  {
    reason: 'an empty health check',
    spec: { services: [service('a', { healthCheck: {} })] },
    names: /it has 0/,
  },
  {
    reason: 'amounts that are none, each named',
    spec: { resources: { cpu: 'many', memory: '1Mi', disk: '0' } },
    names: /resources\.cpu/,
    faults: 3,
  },
  {
    reason: 'a value with Exists',
    spec: { tolerations: [{ key: 'k', operator: 'Exists', value: 'v' }] },
    names: /takes no value/,
  },
  {
    reason: 'a limited toleration of what does not drive away',
    spec: { tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 5 }] },
    names: /NoExecute only/,
  },
  { reason: 'no key with Equal', spec: { tolerations: [{ value: 'v' }] }, names: /Exists/ },
];

for (const { reason, spec, names, faults = 1 } of invalid)
  t.test(`refuses: ${reason}`, async t => {
    const found = validateWorkspace(spec);
    t.equal(found.length, faults, found.join('\n'));
    t.match(found[0], names);
  });
