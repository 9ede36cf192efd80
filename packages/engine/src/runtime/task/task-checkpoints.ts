/**
 * What a task has to do with checkpoints: acts on triggers and barriers, collects what is in flight, sends barriers on.
 *
 * 1. Everything here happens between two records, never inside one, and never while an operator must be alone.
 * 2. The barrier of a checkpoint is sent on before anything that was processed after its snapshot.
 * 3. What the enumerator says to the reader is acted on behind the triggers that came before it.
 * 4. The snapshot of an aligned checkpoint, which has no place for it, is taken when nothing is in flight to the task: at a source, when all is replayed.
 */
import type { AlignerAction } from '../../checkpoint/aligner/aligner-events.ts'
import type { ChannelEvent, RecordBatch } from '../../exchange/elements.ts'
import type { Chain } from '../../operators/chain.ts'
import type { AlignmentHandler, GateAlignment } from '../gate/gate-alignment.ts'
import type { CollectingTimes } from '../snapshot/in-flight.ts'
import type { Alignment } from '../snapshot/snapshot-timings.ts'
import type { SourceHead } from '../source/source-head.ts'
import type { SourceInput } from '../source/source-input.ts'
import type { TaskIntake } from './task-intake.ts'
import { TaskOrders } from './task-orders.ts'
import type { Trigger } from '../gate/trigger.ts'
import type { TaskOutputs } from './task-outputs.ts'
import type { SnapshotOrder, TaskHandler, TaskState } from './task-types.ts'

/** Of a source. */
const NOTHING_TO_ALIGN: Alignment = { ms: 0, bytes: 0 }

export interface TaskCheckpointsParts {
  readonly chain: Chain
  readonly intake: TaskIntake
  readonly outputs: TaskOutputs
  readonly handler: TaskHandler
  readonly state: () => TaskState
}

export class TaskCheckpoints implements AlignmentHandler {
  readonly #parts: TaskCheckpointsParts
  readonly #orders: TaskOrders = new TaskOrders()
  #alignment: GateAlignment | undefined
  #source: SourceInput | undefined

  constructor(parts: TaskCheckpointsParts) {
    this.#parts = parts
  }

  /** One of them. */
  readFrom(alignment: GateAlignment | undefined, source: SourceInput | undefined): void {
    this.#alignment = alignment
    this.#source = source
  }

  trigger(trigger: Omit<Trigger, 'kind'>): void {
    this.#orders.add({ ...trigger, kind: 'trigger' })
  }

  tellReader(tell: (source: SourceHead) => void): void {
    this.#orders.add({ kind: 'tell', tell })
  }

  /** Answers whether a source stopped for it, which goes on now. */
  abort(checkpointId: number): boolean {
    this.#orders.drop(checkpointId)
    if (this.#parts.state() === 'over') return false
    this.#alignment?.abort(checkpointId)
    return this.#source?.goOnWithout(checkpointId) === true
  }

  /** `pressed`: output waits for room, or its reader holds it back. */
  actOnOrders(pressed: boolean): void {
    const { chain, state, intake } = this.#parts
    if (!this.#orders.any || chain.exclusive || state() === 'finishing') return
    // A source's barrier comes after what is replayed, or the checkpoint has it in flight.
    const held = pressed || (this.#source !== undefined && intake.behind)
    for (const order of this.#orders.take(held)) {
      if (order.kind === 'trigger') this.#actOn(order)
      else {
        order.tell(this.#source!.head)
        this.#source!.lookAgain()
      }
    }
  }

  #actOn(trigger: Trigger): void {
    if (this.#alignment !== undefined) return this.#alignment.trigger(trigger)
    if (trigger.stopSources) this.#source!.stopFor(trigger.checkpointId)
    this.#snapshot({ ...trigger, savepoint: trigger.savepoint, alignment: NOTHING_TO_ALIGN }, trigger.unaligned === true, false)
  }

  /** Whether input has arrived that `collect` would take. */
  get collectable(): boolean {
    return this.#alignment?.collectable === true
  }

  /** Between two records: goes on with what is in flight to a snapshot. Answers whether there was anything to do. */
  collect(): boolean {
    const alignment = this.#alignment
    if (alignment === undefined || this.#parts.state() !== 'running') return false
    const worked = alignment.collect()
    if (alignment.collecting && this.#parts.intake.overtaking!.exceeded) alignment.exceeded()
    return worked
  }

  // ---------- AlignmentHandler

  inFlight(batch: RecordBatch, input: 0 | 1): void {
    this.#parts.intake.overtaking!.add(batch, input)
  }

  collected(times: CollectingTimes): void {
    const checkpointId = this.#parts.intake.overtaking!.complete(times)
    if (checkpointId === undefined) return
    this.#parts.handler.snapshotGivenUp(checkpointId)
    this.#parts.handler.declined({ kind: 'decline', checkpointId, reason: 'alignment-bytes' })
  }

  aligned(action: AlignerAction): void {
    if (action.kind === 'ignored') return
    const { known, measured } = this.#alignment!
    const savepoint = 'checkpointId' in action ? known.takeSavepoint(action.checkpointId) : undefined
    if (action.kind === 'snapshot') {
      const { checkpointId, triggeredMs, overtaken } = action
      const order = { checkpointId, triggeredMs, completedId: known.completedId, savepoint, alignment: measured }
      this.#snapshot(order, checkpointId === known.unalignedId, overtaken.length > 0)
    } else if (action.kind === 'give-up-collecting') {
      this.#parts.intake.overtaking?.giveUp()
      this.#parts.handler.snapshotGivenUp(action.checkpointId)
    } else if (action.kind === 'forward-cancel') this.#forward({ kind: 'cancel-barrier', checkpointId: action.checkpointId })
    else if (action.kind === 'decline') this.#parts.handler.declined(action)
  }

  #snapshot(order: Omit<SnapshotOrder, 'inFlight'>, unaligned: boolean, overtakes: boolean): void {
    const { checkpointId, triggeredMs, completedId, savepoint, alignment } = order
    const { overtaking, replayed } = this.#parts.intake
    const inFlight = unaligned ? overtaking?.begin(checkpointId, overtakes, replayed) : undefined
    this.#parts.handler.snapshot({ checkpointId, triggeredMs, completedId, savepoint, alignment, inFlight })
    if (inFlight !== undefined && !overtakes) this.collected({ alignmentMs: 0, processedBytes: 0 })
    const target = savepoint === undefined ? {} : { savepoint }
    this.#forward({ kind: 'barrier', checkpointId, triggeredMs, completedId, ...(unaligned ? { unaligned } : {}), ...target })
  }

  #forward(event: Extract<ChannelEvent, { kind: 'barrier' | 'cancel-barrier' }>): void {
    if (this.#parts.state() !== 'finished') this.#parts.outputs.tell(event)
  }
}
