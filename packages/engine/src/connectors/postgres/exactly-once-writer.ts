import { MillraceError, randomId } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { SinkWriter, WriterContext } from '../sink.ts'
import { applyBatch, keptFromMs, prune, takeOver, withdraw, type CommitNames } from './commit-protocol.ts'
import { batchesByRun, checkHandles, type PostgresSinkHandle, type RestoredRun, type StagedBatch } from './handle.ts'
import { Patience } from './patience.ts'
import type { Staging } from './staging.ts'
import type { RowStore, Run } from './store.ts'

export interface ExactlyOnceOptions<T> {
  readonly names: CommitNames
  readonly store: RowStore
  readonly staging: Staging<T>
  /** Rows that wait for checkpoints: more fails the task. */
  readonly stagedBytesMax: number
  readonly retryForMs: number
  /** How long entries of former starts are kept; undefined: for ever. */
  readonly commitRetentionMs: number | undefined
}

/** A writer that ends waits no longer for its entry to be removed. */
const FAREWELL_MS = 1_000

/**
 * Keeps the rows of one subtask until the checkpoint that holds them is complete.
 *
 * 1. A batch holds the rows of one checkpoint interval only, and all of this subtask's.
 * 2. A handle holds every batch that is not known to be in the table, also those of checkpoints that came to nothing: whichever completes next brings them there.
 * 3. Only `commit` and the restored handles in `open` write to the table.
 * 4. What removes entries may fail: then they stay.
 * 5. A commit that fails is not begun again: it has been tried for as long as it may, and the next life does it.
 */
export class ExactlyOnceWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #options: ExactlyOnceOptions<T>
  readonly #run: Run
  readonly #patience: Patience
  #lastBatch = 0
  /** Sealed and not known to be applied, by number. */
  readonly #pending: Map<number, { readonly batch: StagedBatch; readonly sizeBytes: number }> = new Map()
  #pendingBytes = 0
  #applying: Promise<void> = Promise.resolve()
  #failure: MillraceError | undefined
  #commitFailure: { readonly error: unknown } | undefined
  #isOpen = false
  /** Entries that have not changed since are removed when the first checkpoint is complete; undefined: none are, or it is done. */
  #pruneBeforeMs: number | undefined

  constructor(context: WriterContext, options: ExactlyOnceOptions<T>) {
    this.#context = context
    this.#options = options
    const { subtask, parallelism, attempt, clock } = context
    this.#run = { run: randomId(context.random), subtask, parallelism, attempt }
    this.#patience = new Patience(clock, options.retryForMs, (notice) => context.report?.(notice))
  }

  async open(restored: readonly unknown[]): Promise<void> {
    const runs = batchesByRun(checkHandles(restored, this.#context.stateId))
    const { store, names, commitRetentionMs } = this.#options
    await this.#patience.with(() => store.check())
    // One of all subtasks is enough, and the first is always there.
    if (commitRetentionMs !== undefined && this.#run.subtask === 0)
      this.#pruneBeforeMs = await this.#patience.with(() => keptFromMs(store, commitRetentionMs))
    await this.#patience.with(() => takeOver(store, this.#run))
    for (const [run, former] of runs) {
      for (const batch of former.batches) await this.#patience.with(() => applyBatch(store, names, run, batch, false))
      await this.#patience.with(() => this.#compare(run, former))
    }
    this.#isOpen = true
  }

  write(value: T): void {
    if (this.#failure !== undefined) throw this.#failure
    const { staging, stagedBytesMax } = this.#options
    staging.add(value)
    if (staging.sizeBytes + this.#pendingBytes > stagedBytesMax) {
      this.#failure = engineError('POSTGRES_SINK_STAGED_TOO_MUCH', { limit: stagedBytesMax })
      throw this.#failure
    }
  }

  async prepare(checkpointId: number): Promise<readonly PostgresSinkHandle[]> {
    if (this.#failure !== undefined) throw this.#failure
    const { staging } = this.#options
    if (staging.rows > 0) {
      const { sizeBytes } = staging
      const batch = { batch: ++this.#lastBatch, checkpointId, ...staging.take() }
      this.#pending.set(batch.batch, { batch, sizeBytes })
      this.#pendingBytes += sizeBytes
    }
    const batches = [...this.#pending.values()].map(({ batch }) => batch)
    return [{ kind: 'postgres-sink', version: 1, run: this.#run.run, checkpointId, lastBatch: this.#lastBatch, batches }]
  }

  /** One after the other: there is one connection. What might help later the runtime would ask for again, each time with the patience that is over: so the task fails now. */
  async commit(handles: readonly unknown[]): Promise<void> {
    if (this.#commitFailure !== undefined) throw this.#commitFailure.error
    const runs = batchesByRun(checkHandles(handles, this.#context.stateId))
    const applied = this.#applying.then(() => this.#commit(runs))
    this.#applying = applied.catch(() => {})
    try {
      await applied
    } catch (error) {
      this.#commitFailure ??= { error }
      if (error instanceof MillraceError && error.retry) this.#context.fail(error)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#patience.end()
    if (this.#isOpen && this.#lastBatch === 0) await this.#withdraw()
    await this.#options.store.close()
  }

  async #commit(runs: ReadonlyMap<string, RestoredRun>): Promise<void> {
    const { store, names } = this.#options
    for (const [run, { batches }] of runs) {
      const isOwn = run === this.#run.run
      for (const batch of batches) {
        const pending = isOwn ? this.#pending.get(batch.batch) : undefined
        if (isOwn && pending === undefined) continue // applied before
        await this.#patience.with(() => applyBatch(store, names, run, batch, isOwn))
        if (pending === undefined) continue
        this.#pending.delete(batch.batch)
        this.#pendingBytes -= pending.sizeBytes
      }
    }
    await this.#prune()
  }

  /** Tried once: what fails is left to the next start. */
  async #prune(): Promise<void> {
    const beforeMs = this.#pruneBeforeMs
    if (beforeMs === undefined) return
    this.#pruneBeforeMs = undefined
    await prune(this.#options.store, this.#run, beforeMs).catch(() => {})
  }

  /** Its handles hold nothing, so nobody will look for its entry: starts that come to nothing leave none behind. */
  async #withdraw(): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>()
    const cancel = this.#context.clock.after(FAREWELL_MS, resolve)
    const done = this.#applying.then(() => withdraw(this.#options.store, this.#run)).catch(() => {})
    await Promise.race([done, timeout])
    cancel()
  }

  /** Says so where the table is ahead of the checkpoint: an older one than the last is restored. */
  async #compare(run: string, { lastBatch, checkpointId }: RestoredRun): Promise<void> {
    const position = await this.#options.store.transaction((transaction) => transaction.position(run))
    if (position === undefined || position.batch <= lastBatch) return
    const { table } = this.#options.names
    this.#context.report?.({
      code: 'POSTGRES_SINK_AHEAD',
      message: `postgresSink: table ${table} holds rows up to checkpoint ${position.checkpointId}, and the job goes on from checkpoint ${checkpointId}: what came between is written again`,
    })
  }
}
