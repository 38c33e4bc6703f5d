/** Latest, not deleted objects of one kind: namespace, name, object (JSON), revision. `0` is the character after `/`. */
function objects(groupAndPlural: string): string {
  const from = `/${groupAndPlural}/`;
  return `(SELECT json_extract(value, '$.metadata.namespace') AS namespace,
                  json_extract(value, '$.metadata.name') AS name,
                  json_extract(value, '$.metadata.creationTimestamp') AS created,
                  value AS object, revision
           FROM (SELECT value, deleted, max(revision) AS revision FROM log
                 WHERE key >= '${from}' AND key < '${from.slice(0, -1)}0' GROUP BY key)
           WHERE NOT deleted)`;
}

const WORKSPACES = objects('nexus.dev/workspaces');
const NODES = objects('nexus.dev/nodes');
const USERS = objects('nexus.dev/users');

/** json_extract without a repetition; numbers, strings and null as they are, true and false as 1 and 0. */
const field = (path: string, from = 'o.object') => `json_extract(${from}, '$.${path}')`;

/** The Ready condition's status: True, False, Unknown or null. */
const ready = `(SELECT ${field('status', 'c.value')} FROM json_each(o.object, '$.status.conditions') AS c
                WHERE ${field('type', 'c.value')} = 'Ready')`;

/** What an operator may ask with the sqlite3 command line tool, also while the server runs. Name → query. */
export const VIEWS: Readonly<Record<string, string>> = {
  workspaces: `
    SELECT o.namespace, o.name, ${field('status.phase')} AS phase,
      coalesce(${field('spec.running')}, 1) AS running, ${ready} AS ready,
      ${field('status.servicesReady')} AS services_ready, ${field('status.nodeName')} AS node,
      ${field('status.ssh.host')} AS ssh_host, ${field('status.ssh.port')} AS ssh_port,
      ${field('status.ssh.user')} AS ssh_user,
      coalesce(${field('status.image')}, ${field('spec.image')}) AS image,
      ${field('spec.repo.url')} AS repo_url, ${field('spec.repo.ref')} AS repo_ref,
      ${field('status.repository.commit')} AS repo_commit, ${field('status.message')} AS message,
      o.created, ${field('metadata.deletionTimestamp')} AS deleting_since, o.revision
    FROM ${WORKSPACES} AS o`,
  services: `
    SELECT o.namespace, o.name AS workspace, ${field('name', 's.value')} AS name,
      ${field('state', 't.value')} AS state, ${field('health', 't.value')} AS health,
      ${field('restarts', 't.value')} AS restarts, ${field('exitCode', 't.value')} AS exit_code,
      ${field('port', 's.value')} AS port, ${field('hostPort', 't.value')} AS host_port,
      ${field('url', 't.value')} AS url, ${field('command', 's.value')} AS command,
      ${field('message', 't.value')} AS message, ${field('since', 't.value')} AS since,
      ${field('status.nodeName')} AS node
    FROM ${WORKSPACES} AS o, json_each(o.object, '$.spec.services') AS s
    LEFT JOIN json_each(o.object, '$.status.services') AS t
      ON ${field('name', 't.value')} = ${field('name', 's.value')}`,
  users: `
    SELECT o.name, ${field('spec.role')} AS role, ${field('spec.github.login')} AS github_login,
      ${field('spec.github.id')} AS github_id,
      coalesce(json_array_length(o.object, '$.spec.sshKeys'), 0) AS ssh_keys, o.created, o.revision
    FROM ${USERS} AS o`,
  nodes: `
    SELECT o.name, ${ready} AS ready, coalesce(${field('spec.unschedulable')}, 0) AS unschedulable,
      coalesce(${field('spec.address')}, ${field('status.address')}) AS address,
      (SELECT group_concat(${field('name', 'd.value')}, ' ')
       FROM json_each(o.object, '$.status.drivers') AS d) AS drivers,
      ${field('status.allocated.workspaces')} AS workspaces,
      ${field('status.capacity.cpu')} AS cpu, ${field('status.allocated.cpu')} AS cpu_allocated,
      ${field('status.capacity.memory')} AS memory, ${field('status.allocated.memory')} AS memory_allocated,
      ${field('status.capacity.disk')} AS disk, ${field('status.allocated.disk')} AS disk_allocated,
      ${field('status.versions.agent')} AS agent_version, o.created, o.revision
    FROM ${NODES} AS o`,
  ports: `
    SELECT o.namespace, o.name AS workspace, 'ssh' AS name, 22 AS port, ${field('status.ssh.port')} AS host_port,
      'Node' AS exposure, NULL AS state, ${field('status.nodeName')} AS node
    FROM ${WORKSPACES} AS o WHERE ${field('status.ssh.port')} IS NOT NULL
    UNION ALL
    SELECT o.namespace, o.name, ${field('name', 'p.value')}, ${field('port', 'p.value')},
      ${field('hostPort', 't.value')}, coalesce(${field('exposure', 'p.value')}, 'Private'),
      ${field('state', 't.value')}, ${field('status.nodeName')}
    FROM ${WORKSPACES} AS o,
      (SELECT 'services' AS list UNION ALL SELECT 'ports') AS l,
      json_each(o.object, '$.spec.' || l.list) AS p
    LEFT JOIN json_each(o.object, '$.status.ports') AS t
      ON ${field('name', 't.value')} = ${field('name', 'p.value')}
    WHERE ${field('port', 'p.value')} IS NOT NULL`,
};
