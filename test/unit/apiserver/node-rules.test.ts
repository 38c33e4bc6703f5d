import t from 'tap';
import { defaultAuthorizer } from '../../../controller/apiserver/auth/authorizer.ts';

const user = { name: 'nexus:node:n1', groups: ['nexus:nodes', 'system:authenticated'] };
const may = (verb: string, namespace: string) =>
  defaultAuthorizer.authorize({ user, verb, resource: 'events', namespace, name: 'shop.1' }).allowed;

t.test('a node may tell Events, and go on counting those of an earlier life of its agent', async t => {
  for (const verb of ['create', 'get', 'patch']) t.ok(may(verb, 'nexus-node-n1'), verb);
});

t.test('it may do no more with Events, and nothing in the namespace of another node', async t => {
  for (const verb of ['list', 'watch', 'update', 'delete', 'deletecollection'])
    t.notOk(may(verb, 'nexus-node-n1'), verb);
  for (const verb of ['create', 'get', 'patch']) t.notOk(may(verb, 'nexus-node-n2'), verb);
});
