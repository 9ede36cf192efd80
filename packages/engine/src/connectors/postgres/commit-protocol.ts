/**
 * How rows of a checkpoint come into the table, whoever dies when. What all of it serves: **each record that a completed checkpoint covers takes effect in the table
 * exactly once, and no record of an incomplete one ever does.**
 *
 * 1. A batch is applied in one transaction that also moves the entry of its run from the batch before to this one. So it takes effect once, however
 *    often and by whomever it is applied; an answer that was lost is asked for again.
 * 2. A batch is applied only when a checkpoint that holds it is complete: by the writer that made it as long as its run is not fenced, or by one that was given it from the
 *    checkpoint that is restored.
 * 3. A new writer fences the runs of its share of subtasks before it applies anything: after that no former attempt that is still alive applies
 *    what the job may by then have written anew.
 * 4. Batches of a run are applied in their order: a later row of a key replaces an earlier one.
 * 5. An entry that is not there moves nowhere: a batch of its run is refused, whoever asks. So to remove one can keep a checkpoint from being restored, and do nothing else.
 * 6. Only what no later checkpoint names is removed: the entry of a run that never sealed a batch, by its own writer at the end; and, where it is asked for, entries that were
 *    fenced before a start began, by that start, unless it is fenced itself, once a checkpoint of its own is complete: that names its own runs alone.
 */
import { engineError } from '../../errors.ts'
import type { StagedBatch } from './handle.ts'
import type { RowStore, Run, RunPosition } from './store.ts'

export interface CommitNames {
  readonly jobName: string
  readonly sink: string
  readonly table: string
  readonly commitTable: string
}

/** Enters a new run and fences those of former lives. May be repeated. */
export async function takeOver(store: RowStore, run: Run): Promise<void> {
  await store.transaction(async (transaction) => {
    await transaction.addRun(run)
    await transaction.fenceOthers(run)
  })
}

/** From when on entries are kept, in the database's clock: `retentionMs` before a start that begins now. */
export async function keptFromMs(store: RowStore, retentionMs: number): Promise<number> {
  return (await store.transaction((transaction) => transaction.nowMs())) - retentionMs
}

/** Removes entries of former starts that have not changed since. Only after a checkpoint is complete that holds a handle of this run. */
export async function prune(store: RowStore, { run }: Run, beforeMs: number): Promise<void> {
  await store.transaction((transaction) => transaction.prune(run, beforeMs))
}

/** Removes the entry of a run that has sealed no batch and will seal none: nobody will ask for it, and without it nothing is refused that was not before. */
export async function withdraw(store: RowStore, { run }: Run): Promise<void> {
  await store.transaction((transaction) => transaction.withdraw(run))
}

/** Applies a batch of a completed checkpoint. May be repeated. @throws `POSTGRES_SINK_FENCED`, `POSTGRES_SINK_ENTRY_MISSING` */
export async function applyBatch(store: RowStore, names: CommitNames, run: string, batch: StagedBatch, asOwner: boolean): Promise<void> {
  await store.transaction(async (transaction) => {
    if (await transaction.advance(run, batch, asOwner)) await transaction.write(batch)
    else checkApplied(names, run, batch, await transaction.position(run), asOwner)
  })
}

/** The entry could not be moved: fine if that is because it has been moved before. */
export function checkApplied(
  { jobName, sink, table, commitTable }: CommitNames,
  run: string,
  { batch, checkpointId }: Pick<StagedBatch, 'batch' | 'checkpointId'>,
  position: RunPosition | undefined,
  asOwner: boolean,
): void {
  if (position !== undefined && position.batch >= batch) return
  if (position?.isFenced === true && asOwner) throw engineError('POSTGRES_SINK_FENCED', { jobName, sink })
  throw engineError('POSTGRES_SINK_ENTRY_MISSING', { commitTable, checkpointId, batch, run, table })
}
