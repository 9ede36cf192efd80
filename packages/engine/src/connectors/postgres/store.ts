/** What the writers need of a database: PostgreSQL gives it, and so does one made up for simulation. */
import type { StagedBatch } from './handle.ts'

/** One connection; calls of one store do not overlap. */
export interface RowStore {
  /** Whether tables, columns and keys are there, and rights to them; makes the table of commits if there is none. */
  check(): Promise<void>
  /**
   * All that `work` does takes effect, or nothing does. If the connection is lost at the end nobody knows which of both; what is called again must be able to tell.
   *
   * @throws `POSTGRES_SINK_UNAVAILABLE` where the same call may succeed later, `POSTGRES_SINK_REFUSED`, `POSTGRES_SINK_RECORD_REFUSED`
   */
  transaction<R>(work: (transaction: RowTransaction) => Promise<R>): Promise<R>
  close(): Promise<void>
}

/** A writer of one life, as the table of commits knows it. */
export interface Run {
  readonly run: string
  readonly subtask: number
  readonly parallelism: number
  readonly attempt: number
}

/** How far a run has come in the table. */
export interface RunPosition {
  /** The last batch that was applied; 0 for none. */
  readonly batch: number
  readonly checkpointId: number
  readonly isFenced: boolean
}

export interface RowTransaction {
  /** Makes the entry of a run at batch 0; nothing if it is there. */
  addRun(run: Run): Promise<void>
  /** Fences all runs but this one whose subtask falls to it: `subtask mod parallelism`. Waits for transactions in which such a run advances. */
  fenceOthers(run: Run): Promise<void>
  /**
   * Moves the entry of a run from the batch before to this one and holds it to the end of the transaction; false if it does not stand at the batch before,
   * or is fenced and `asOwner`. Waits while another transaction holds it.
   */
  advance(run: string, batch: StagedBatch, asOwner: boolean): Promise<boolean>
  position(run: string): Promise<RunPosition | undefined>
  /** The time that entries are stamped with, in milliseconds of the database's clock. */
  nowMs(): Promise<number>
  /** Unless this run is fenced: removes the entries of its sink that are fenced and have not changed since `beforeMs` of the database's clock. */
  prune(run: string, beforeMs: number): Promise<void>
  /** Removes the entry of a run that is still at batch 0. */
  withdraw(run: string): Promise<void>
  /** Inserts or updates, and deletes. */
  write(rows: Pick<StagedBatch, 'writes' | 'deletes'>): Promise<void>
}
