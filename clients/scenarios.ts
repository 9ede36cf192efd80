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

/** What Kafka's own command-line tools are asked to do. */
export const toolScenarios = {
  'tools-topics': 'kafka-topics: create, list, describe, alter, delete',
  'tools-consoles': 'kafka-console-producer and kafka-console-consumer',
  'tools-get-offsets': 'kafka-get-offsets: latest, earliest, of the greatest time stamp',
  'tools-configs': 'kafka-configs over topics and brokers',
  'tools-quotas': 'kafka-configs over the quotas of a user',
  'tools-scram': 'kafka-configs over the SCRAM credentials of a user',
  'tools-consumer-groups': 'kafka-consumer-groups: list, describe, reset and delete offsets, delete',
  'tools-new-groups': 'a console consumer with group.protocol=consumer, and what kafka-consumer-groups tells of it',
  'tools-delete-records': 'kafka-delete-records',
  'tools-log-dirs': 'kafka-log-dirs',
  'tools-transactions': 'kafka-transactions: list, describe, describe-producers, find-hanging',
  'tools-acls': 'kafka-acls: add, list, remove, prefixed patterns',
  'tools-cluster': 'kafka-cluster, kafka-features, kafka-broker-api-versions',
  'tools-elections': 'kafka-leader-election, and kafka-reassign-partitions as far as one broker goes',
  'tools-dump-data': 'kafka-dump-log over segments, indexes and producer snapshots',
  'tools-dump-offsets': 'kafka-dump-log decodes __consumer_offsets',
  'tools-dump-transactions': 'kafka-dump-log decodes __transaction_state, markers and the transaction index',
} as const

export type Scenario = keyof typeof scenarios

export const scenarioNames: readonly Scenario[] = Object.keys(scenarios) as Scenario[]

export const toolScenarioNames: readonly string[] = Object.keys(toolScenarios)
