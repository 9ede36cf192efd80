/** Looks on in one life of the job: names the situations that are reached, keeps the ledger of published files, and ends the life in a chosen moment. */
import type { Disk } from '@millrace/core'
import type { CompletedCheckpoint, JobEvent, Sink, SinkWriter, WriterContext } from '@millrace/engine'
import type { Deployment, KeyedStateBackend, SlotLauncher, SlotMessage } from '@millrace/engine/simulation'
import type { Backend } from './backends.ts'
import { overlay, type Interposer } from './interposer.ts'
import type { Ledger } from './ledger.ts'
import type { Situation } from './situations.ts'

/** A moment in which a life is to end: right after the job started, or a checkpoint was announced, became durable, or was asked for. */
export type Ambush = 'started' | 'announced' | 'durable' | 'triggered'

export interface ObserverOptions {
  readonly ledger: Ledger
  readonly ambush: Ambush | undefined
  /** How many such moments are let go by. */
  readonly patience: number
  /** Of the scenario; 0: none. */
  readonly alignedTimeoutMs: number
  readonly backend: Backend
  /** Of the life before. */
  readonly formerBackend: Backend | undefined
  /** To be said if anything is restored: the parallelism is another one. */
  readonly rescaled: Situation | undefined
  /** Whether a function is at the end of its input. */
  readonly isFinishing: () => boolean
  readonly reached: (situation: Situation) => void
}

interface HandleOfFiles {
  readonly files: readonly { readonly final: string }[]
}

export class Observer implements Interposer {
  readonly #options: ObserverOptions
  #patience: number
  #completedId = 0
  #durableId = 0
  #underWay = false
  #replaying = false
  #hasRestored = false
  #hasEnded = false
  readonly #restored: (CompletedCheckpoint | undefined)[] = []
  /** Regions that are lost. */
  #down = 0
  /** Slots that are not open yet. */
  readonly #opening: Set<object> = new Set()
  /** What each sink writer has prepared, and not committed, by checkpoint: whether anything was in it. */
  readonly #prepared: Set<Map<number, boolean>> = new Set()

  constructor(options: ObserverOptions) {
    this.#options = options
    this.#patience = options.patience
  }

  /** The moment has come. */
  get ambushed(): boolean {
    return this.#patience < 0
  }

  get hasCompleted(): boolean {
    return this.#completedId > 0
  }

  /** What each attempt has restored. */
  get restored(): readonly (CompletedCheckpoint | undefined)[] {
    return this.#restored
  }

  /** Whether the final checkpoint is complete. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether tasks are being opened. */
  get isOpening(): boolean {
    return this.#opening.size > 0
  }

  /** Whether a checkpoint is under way. */
  get isWriting(): boolean {
    return this.#underWay
  }

  event(event: JobEvent): void {
    const { reached, ledger } = this.#options
    switch (event.kind) {
      case 'started':
        this.#restored.push(event.restored)
        ledger.started(event)
        this.#moment('started')
        return
      case 'checkpoint-completed':
        this.#completedId = event.checkpoint.id
        this.#underWay = false
        this.#hasEnded ||= event.final
        reached(event.final ? 'final checkpoint' : 'checkpoint')
        this.#moment('announced')
        return
      case 'savepoint-completed':
        ledger.saved(event.savepoint.id, event.savepoint.path!)
        return
      case 'checkpoint-failed':
        this.#underWay = false
        reached('abandoned checkpoint')
        return
      case 'restarting':
        this.#underWay = false
        // Where a commit fails after it, the job goes on from it.
        this.#hasEnded = false
        reached(event.failure.error.message.includes('thunder') ? 'restart after a user failure' : 'restart after another failure')
        if (event.region === undefined) this.#down = 0
        else if (this.#down++ > 0) reached('region lost while another was down')
        return
      case 'region-restarted':
        this.#down--
        reached('region restart')
        return
      case 'log':
        if (event.record.message.includes('is damaged and passed over')) {
          reached('fallback from a damaged checkpoint')
          ledger.rewind()
        }
        if (event.record.message.includes('dealt out anew')) reached('keys dealt out anew')
        return
      case 'stopping':
      case 'ended':
    }
  }

  /** The life has been ended from outside. */
  ended(): void {
    const { reached } = this.#options
    const uncommitted = [...this.#prepared].some((writer) => [...writer].some(([id, filled]) => filled && id <= this.#completedId))
    if (uncommitted) reached('crash between prepare and commit')
    if (this.#durableId > this.#completedId) reached('crash between _metadata and its announcement')
    if (this.#underWay) reached('crash while a checkpoint is written')
  }

  disk(disk: Disk): Disk {
    return overlay(disk, {
      rename: async (from, to) => {
        await disk.rename(from, to)
        const checkpointId = /\/chk-(\d+)\/_metadata$/.exec(to)?.[1]
        if (checkpointId !== undefined) this.durable(Number(checkpointId))
      },
    })
  }

  /** The metadata of a checkpoint are where they belong. */
  durable(checkpointId: number): void {
    this.#durableId = checkpointId
    this.#moment('durable')
  }

  sink<T>(sink: Sink<T>): Sink<T> {
    return { ...sink, createWriter: (context: WriterContext) => this.#writer(sink.createWriter(context)) }
  }

  keyedState(backend: KeyedStateBackend): KeyedStateBackend {
    return overlay(backend, {
      beginSnapshot: (checkpointId, options) => {
        const { eventTimers, processingTimers } = backend.statistics()
        if (eventTimers + processingTimers > 0) this.#options.reached('timers in a snapshot')
        return backend.beginSnapshot(checkpointId, options)
      },
    })
  }

  launcher(launcher: SlotLauncher): SlotLauncher {
    return {
      launch: async (deployments, handlers) => {
        this.#deployed(deployments)
        const slots = deployments.map(() => ({}))
        for (const slot of slots) this.#opening.add(slot)
        const links = await launcher.launch(
          deployments,
          handlers.map((handler, index) =>
            overlay(handler, {
              message: (message) => {
                if (message.kind === 'ready' || message.kind === 'failed') this.#opening.delete(slots[index]!)
                this.#heard(message)
                handler.message(message)
              },
            }),
          ),
        )
        return links.map((link, index) =>
          overlay(link, {
            send: (message) => {
              link.send(message)
              if (message.kind === 'cancel' && this.#opening.delete(slots[index]!)) this.#options.reached('slot closed while it opens')
              if (message.kind !== 'trigger') return
              if (this.#options.isFinishing()) this.#options.reached('checkpoint while a function finishes')
              this.#underWay = true
              this.#moment('triggered')
            },
          }),
        )
      },
    }
  }

  #deployed(deployments: readonly Deployment[]): void {
    const restored = deployments.flatMap((deployment) => deployment.restored)
    if (restored.some(({ keyed }) => keyed.some((chain) => chain.length > 1))) this.#options.reached('restore from a chain of deltas')
    if (restored.some(({ asyncInputs }) => asyncInputs.length > 0)) this.#options.reached('unfinished async inputs restored')
    this.#restoredBy(deployments)
    const inFlight = restored.flatMap((each) => each.inFlight.map(({ path }) => ({ subtask: each.subtask, former: formerSubtask(path) })))
    if (inFlight.length > 0) this.#options.reached('in flight restored')
    if (inFlight.some(({ subtask, former }) => subtask !== former)) this.#options.reached('in flight dealt out anew')
    this.#replaying = inFlight.length > 0
    if (restored.some(({ finished }) => finished)) this.#options.reached('functions that had finished restored')
  }

  /** What the state backends have to do with it. */
  #restoredBy(deployments: readonly Deployment[]): void {
    const { backend, formerBackend, rescaled, reached } = this.#options
    if (rescaled !== undefined && !this.#hasRestored && deployments.some(({ restoring }) => restoring)) {
      this.#hasRestored = true
      reached(rescaled)
    }
    const own = deployments.some(({ restoredCheckpointId }) => restoredCheckpointId > 0)
    if (own && backend === 'memory') reached('restore from memory')
    if (this.#completedId > 0 || !own || backend !== 'rocksdb') return
    if (formerBackend === 'heap' || formerBackend === 'filesystem') reached('checkpoint of the heap restored by rocksdb')
  }

  #heard(message: SlotMessage): void {
    if (message.kind !== 'coordinator') return
    if (message.message.kind === 'declined' && message.message.reason === 'alignment-bytes') this.#options.reached('too much in flight')
    if (message.message.kind !== 'acknowledged') return
    const { checkpointId } = message.message
    const { timings, operators } = message.message.snapshot
    if (timings.unaligned) this.#options.reached('snapshot overtook barriers')
    if (timings.unaligned && this.#options.alignedTimeoutMs > 0)
      this.#options.reached('snapshot overtook barriers after an aligned timeout')
    if (timings.inFlightBytes > 0) this.#options.reached('in flight in a snapshot')
    // Only what is replayed is in flight to an operator that no channel leads to.
    if (this.#replaying && operators.slice(1).some(({ inFlight }) => inFlight !== undefined))
      this.#options.reached('in flight again while it was replayed')
    for (const { database } of operators) {
      if (database === undefined) continue
      if (database.rows > 0) this.#options.reached('rows in the store below')
      if (database.shared.some(({ path }) => checkpointOf(path) !== checkpointId))
        this.#options.reached('file of the store kept once for several checkpoints')
    }
    if (operators.some(({ asyncInputs }) => asyncInputs !== undefined)) this.#options.reached('unfinished async inputs in a snapshot')
    if (operators.some(({ finished }) => finished === true)) this.#options.reached('subtask that had ended in a checkpoint')
  }

  #writer<T>(writer: SinkWriter<T>): SinkWriter<T> {
    const prepared = new Map<number, boolean>()
    this.#prepared.add(prepared)
    return overlay(writer, {
      prepare: async (checkpointId) => {
        const handles = await writer.prepare(checkpointId)
        const names = (handles as readonly HandleOfFiles[]).flatMap(({ files }) => files.map(({ final }) => final))
        prepared.set(checkpointId, names.length > 0)
        this.#options.ledger.prepared(checkpointId, names)
        return handles
      },
      commit: async (handles, checkpointId) => {
        await writer.commit?.(handles, checkpointId)
        for (const id of prepared.keys()) if (id <= checkpointId) prepared.delete(id)
      },
      close: async () => {
        this.#prepared.delete(prepared)
        await writer.close()
      },
    })
  }

  #moment(which: Ambush): void {
    if (this.#options.ambush === which) this.#patience--
  }
}

/** The checkpoint that a state file was written for. */
function checkpointOf(path: string): number {
  return Number(/shared\/\d+-(\d+)-/.exec(path)?.[1])
}

/** The subtask that wrote a state file. */
function formerSubtask(path: string): number {
  return Number(/shared\/\d+-\d+-\d+-(\d+)-/.exec(path)?.[1])
}
