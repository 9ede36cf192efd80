/**
 * What a writer does about the transactions of former lives. Pure: facts in, decisions out.
 *
 * What all of it serves: **each record that a completed checkpoint covers becomes visible to a read-committed reader exactly once, and no
 * record of an incomplete one ever does.**
 *
 * 1. A transaction that a handle of the restored checkpoint names is committed before anything else is done to its id. What is open under the id
 *    after that is a later transaction.
 * 2. Every other transaction of a former life is aborted by exactly one writer, which can tell from what it was given that no handle of
 *    the checkpoint names it.
 * 3. That a transaction is not there to be committed proves nothing: it may have been committed before. Its witness proves it: the id of its
 *    checkpoint, committed within the transaction, becomes readable with it and never without.
 */
import type { KafkaSinkHandle, PreparedTransaction } from './handle.ts'
import { parseTransactionalId, transactionalIdOf, type TransactionalIdName } from './transactional-id.ts'

export interface RecoveringWriter {
  readonly prefix: string
  readonly subtask: number
  readonly parallelism: number
  readonly attempt: number
  readonly run: string
  /** Whether the job starts from a checkpoint; undefined: not known. */
  readonly restoring: boolean | undefined
}

/** Prefixes under which former lives may have left something: the option may have changed since. */
export function prefixesToSearch(writer: RecoveringWriter, restored: readonly KafkaSinkHandle[]): readonly string[] {
  if (restored.length === 0) return writer.restoring === false ? [writer.prefix] : []
  return [...new Set([writer.prefix, ...restored.map(({ prefix }) => prefix)])]
}

/** Of ids with an open transaction, after the restored handles were committed, those that this writer has to fence. */
export function idsToFence(
  open: readonly string[],
  prefix: string,
  writer: RecoveringWriter,
  restored: readonly KafkaSinkHandle[],
): readonly string[] {
  return open.filter((id) => {
    const name = parseTransactionalId(prefix, id)
    if (name === undefined || name.run === writer.run) return false
    return restored.length === 0 ? isLeftWithoutCheckpoint(name, writer) : isLeftSinceCheckpoint(name, writer, restored)
  })
}

/** Without a checkpoint nothing counts; the writers share the subtasks out. Only the one of a subtask has ids of it in this attempt. */
function isLeftWithoutCheckpoint({ subtask }: TransactionalIdName, writer: RecoveringWriter): boolean {
  return writer.restoring === false && subtask % writer.parallelism === writer.subtask
}

function isLeftSinceCheckpoint(name: TransactionalIdName, writer: RecoveringWriter, restored: readonly KafkaSinkHandle[]): boolean {
  if (restored.some(({ run }) => run === name.run)) return true
  // Of this attempt: another writer's, which is at work.
  if (name.attempt === writer.attempt) return false
  // All that the checkpoint names was made by the attempt that took it. Of that one, each run belongs to whoever is given its handle.
  return restored.some((handle) => name.attempt !== handle.attempt && name.subtask % handle.parallelism === handle.subtask)
}

/** Ids of one run, numbered: the first `numKnown` are known to exist, and perhaps some that follow. */
export interface IdsOfRun {
  readonly numKnown: number
  readonly id: (number: number) => string
}

/** Where open transactions cannot be listed (brokers before 3.0): the ids of the writers that took the checkpoint. */
export function idsToProbe(restored: readonly KafkaSinkHandle[]): readonly IdsOfRun[] {
  const newest = new Map<string, KafkaSinkHandle>()
  for (const handle of restored) if (handle.ids >= (newest.get(handle.run)?.ids ?? 0)) newest.set(handle.run, handle)
  return [...newest.values()].map(({ prefix, subtask, attempt, run, ids }) => ({
    numKnown: ids,
    id: (number) => transactionalIdOf(prefix, { subtask, attempt, run, number }),
  }))
}

/**
 * What became of a transaction that is over. `witness`: the checkpoint id that its group holds, or undefined if it holds none.
 *
 * An id is used for its next transaction only after the commit of the one before was confirmed, by one writer, in the order of checkpoints.
 * So a later checkpoint's id proves the earlier commit as well.
 */
export function fateOf({ checkpointId }: PreparedTransaction, witness: number | undefined): 'committed' | 'lost' {
  return witness !== undefined && witness >= checkpointId ? 'committed' : 'lost'
}
