/** What every client is asked to do, in this order. A client's program answers each with a line of JSON. */
export const scenarios = {
  produce: 'records with keys, headers and time stamps, null keys and values, acks all, 1 and 0',
  consume: 'every record as it was written; from an offset, from a time, from the end',
  idempotence: 'an idempotent producer with several requests in flight: all records once and in order',
  gzip: 'written and read back with gzip',
  snappy: 'written and read back with snappy',
  lz4: 'written and read back with lz4',
  zstd: 'written and read back with zstd',
  'across-write': 'writes a topic in every codec, for all other clients',
  'across-read': 'reads what every other client has written in every codec',
  groups: 'two members share a topic, one leaves, the other takes over, a third resumes at what was committed',
  'groups-cooperative': 'the same by cooperative rebalances: nobody gives up what it keeps',
  'groups-static': 'a member with an instance id comes back to its partitions; a second one with that id fences the first',
  'groups-kip848': 'two members share a topic by the new protocol (KIP-848), one leaves, a third resumes',
  'transactions-commit': 'records of an open transaction are hidden from readers of committed ones, then all are there',
  'transactions-abort': 'records of an aborted transaction are never seen by readers of committed ones',
  'transactions-offsets': 'offsets committed in a transaction count when it commits, and only then',
  'transactions-fencing': 'a producer is fenced by the next one of its transactional id',
  'admin-topics': 'topics are made, described, refused a second time, deleted',
  'admin-configs': 'configurations of topics and brokers are described, altered, validated',
  'admin-partitions': 'a topic gets more partitions, never fewer',
  'admin-groups': 'groups are listed and described, their offsets read and altered, the group deleted',
  'admin-delete-records': 'records below an offset are deleted',
  'admin-acls': 'ACLs are made, described, deleted',
  'errors-unknown-topic': 'a topic that is not there',
  'errors-invalid-topic': 'a topic name that cannot be',
  'errors-too-large': 'a record above max.message.bytes',
  'errors-offset-out-of-range': 'a fetch above the end of the log',
} as const

export type Scenario = keyof typeof scenarios

export const scenarioNames: readonly Scenario[] = Object.keys(scenarios) as Scenario[]
