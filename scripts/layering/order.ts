/**
 * The order of all packages and of the folders in them, from the ground up. Think hard before changing it.
 *
 * A unit is a folder or a file under `packages/<package>/src`; a file belongs to the longest unit that names it. It may import from its own
 * unit and from units in rows above its own line in this file, never from its own row or below. `layering.test.ts` holds this.
 */
export const order: readonly (readonly string[])[] = [
  [
    'core/durations.ts',
    'core/errors.ts',
    'core/sizes.ts',
    'core/file-urls.ts',
    'core/crc32c.ts',
    'core/collections',
    'core/io',
    'core/log/record.ts',
    'core/metrics/snapshot.ts',
  ],
  ['core/folder-problem.ts', 'core/config', 'core/log', 'core/metrics'],
  ['core/coordination'],
  ['core/index.ts'],

  ['log/errors.ts'],
  ['log/protocol'],
  ['log/compression'],
  ['log/records'],
  ['log/storage'],
  ['log/client'],
  ['log/coordinators', 'log/controller'],
  ['log/broker'],
  ['log/index.ts'],

  ['engine/errors'],
  ['engine/errors.ts'],
  ['engine/config'],
  ['engine/graph'],
  // The interfaces that connectors implement and users program against.
  ['engine/connectors/source.ts'],
  ['engine/connectors/sink.ts'],
  ['engine/api'],
  ['engine/codec'],
  ['engine/keys'],
  ['engine/state/turns.ts'],
  ['engine/state/state-types.ts', 'engine/state/ttl.ts', 'engine/state/values'],
  // Rows and what lies in them; how functions reach it; rows as bytes.
  ['engine/state/rows'],
  ['engine/state/cells'],
  ['engine/state/segments'],
  ['engine/state'],
  ['engine/state/operator', 'engine/state/rocksdb'],
  // Decisions about checkpoints: they know neither where these are kept nor who takes them.
  ['engine/checkpoint/options.ts', 'engine/checkpoint/handles.ts'],
  ['engine/checkpoint/aligner'],
  ['engine/checkpoint/coordinator'],
  ['engine/checkpoint', 'engine/restart'],
  ['engine/exchange'],
  ['engine/operators'],
  ['engine/connectors'],
  // Builds a graph from what the user wrote; knows the ready-made connectors.
  ['engine/api/build'],
  ['engine/api/build-job.ts'],
  ['engine/runtime/job-types.ts', 'engine/runtime/background.ts', 'engine/runtime/shell-word.ts', 'engine/runtime/work-slice.ts'],
  ['engine/runtime/node-command.ts'],
  // What a task consists of, from its input to its snapshots; then the slot that builds and runs tasks, the threads of slots, and the job's master.
  ['engine/runtime/module', 'engine/runtime/storage', 'engine/runtime/deployment', 'engine/runtime/source'],
  ['engine/runtime/metrics', 'engine/runtime/control', 'engine/runtime/snapshot'],
  ['engine/runtime/gate', 'engine/runtime/restore'],
  ['engine/runtime/task'],
  ['engine/runtime/slot'],
  ['engine/runtime/capsules'],
  ['engine/runtime/threads', 'engine/runtime/master'],
  // The ways in.
  ['engine/runtime'],
  // Reading and writing what a job has stored, without the job.
  ['engine/savepoint'],
  // Running what a job has stored again, without touching it.
  ['engine/replay'],
  ['engine/index.ts', 'engine/simulation.ts', 'engine/control.ts', 'engine/replay.ts'],

  ['testkit'],
  ['cli'],
  ['millrace'],
]

/** Where decisions are made: time, randomness, files and sockets arrive through the ports of `core/io` alone. */
export const protocol: readonly string[] = [
  'core/coordination',
  'engine/checkpoint',
  'engine/restart',
  'engine/exchange',
  'engine/state',
  'engine/operators',
  'log/storage',
  'log/controller',
  'log/coordinators',
  'log/client',
]

/** Parts of the above that act decisions out on the machine: each is an edge, and says so in its head comment. */
export const edges: readonly string[] = [
  'engine/checkpoint/lock/node-processes.ts',
  'engine/checkpoint/s3/s3-store.ts',
  'engine/checkpoint/webhdfs/http.ts',
  'engine/checkpoint/webhdfs/webhdfs-store.ts',
  'engine/state/rocksdb/values/node-value-files.ts',
  'log/client/connection/tls-network.ts',
]

/** Lines of a source file: above the first it is reported, above the second refused. */
export const lineLimits = { reported: 300, refused: 600 } as const
