/**
 * The master's side of one region from its launch to its end: its slots, and the enumerators of its sources.
 *
 * 1. From `lose` on nothing counts that its slots and enumerators say, but that they have closed, and what snapshots there are to be removed.
 * 2. When `close` resolves none of them is left, but enumerators that do not end when they are to.
 * 3. It is ready when all of its tasks run and all of its enumerators have started: a checkpoint taken before would be without what one of them has to say, and its source, restored,
 *    would begin anew.
 */
import type { Clock, Disk, LogRecord, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import type { CoordinatorMessage } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import type { Deployment } from '../deployment/deployment.ts'
import { Enumerators } from './enumerators.ts'
import type { RestoredSource } from '../deployment/restored.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import type { FailureReport, MasterMessage, OperatorInstance, SlotMessage, SlotReport } from '../deployment/messages.ts'
import type { SlotHandler, SlotLauncher, SlotLink } from '../slot/slot-link.ts'

/** What a region is started with. */
export interface RegionStart {
  readonly attempt: number
  readonly deployments: readonly Deployment[]
  readonly restoredSources: readonly RestoredSource[]
}

export interface RegionParts extends RegionStart {
  readonly region: Region
  /** Number of the region's first slot among all of the job. */
  readonly firstSlot: number
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /** Aborted as the attempt ends. */
  readonly over: AbortSignal
}

export interface RegionHandler {
  /** All of its tasks have their state, its enumerators run, and it waits for `open`. */
  restored(): void
  /** All of its tasks run, and its enumerators. */
  ready(): void
  closed(): void
  coordinator(message: CoordinatorMessage): void
  /** A slot has failed; called at most once. */
  failed(failure: FailureReport): void
  enumeratorFailed(error: unknown): void
  log(record: LogRecord): void
  metrics(slot: number, report: SlotReport): void
}

/** How long slots have to close before they are ended. */
const CLOSE_TIMEOUT_MS = 5_000

export class RegionRun {
  readonly region: Region
  readonly attempt: number
  readonly deployments: readonly Deployment[]
  readonly #parts: RegionParts
  readonly #handler: RegionHandler
  readonly #enumerators: Enumerators
  #links: readonly SlotLink[] = []
  /** Said before the slots were there. */
  readonly #unsent: MasterMessage[] = []
  readonly #restored: Set<number> = new Set()
  readonly #ready: Set<number> = new Set()
  readonly #closed: Set<number> = new Set()
  #enumeratorsStarted = false
  /** Aborted as the region is lost: its enumerators are not waited for. */
  readonly #gone: AbortController = new AbortController()
  #closing: Promise<void> | undefined
  #allClosed: (() => void) | undefined

  constructor(parts: RegionParts, handler: RegionHandler) {
    this.#parts = parts
    this.#handler = handler
    this.region = parts.region
    this.attempt = parts.attempt
    this.deployments = parts.deployments
    const { plan, functions, restoredSources: restored, region, clock, disk, network, random, over } = parts
    this.#enumerators = new Enumerators({
      plan,
      tasks: region.tasks,
      functions,
      restored,
      clock,
      disk,
      network,
      random,
      stopped: AbortSignal.any([over, this.#gone.signal]),
      assign: (reader, splits) =>
        this.#sendTo(reader.subtask, {
          kind: 'splits',
          reader,
          splits,
        }),
      noMoreSplits: (reader) =>
        this.#sendTo(reader.subtask, {
          kind: 'no-more-splits',
          reader,
        }),
      fail: (error) => {
        if (!this.lost) this.#handler.enumeratorFailed(error)
      },
      log: (record) => handler.log(record),
    })
  }

  /** One for each deployment. */
  get slotHandlers(): readonly SlotHandler[] {
    return this.deployments.map((_, slot) => ({
      message: (message) => this.#message(slot, message),
      exited: (error) => {
        this.#closed.add(slot)
        this.#failed(reportFailure(error))
        this.#tellClosed()
      },
    }))
  }

  /** The slots are there. */
  attach(links: readonly SlotLink[]): void {
    this.#links = links
    for (const message of this.#unsent.splice(0)) this.send(message)
  }

  /** @throws what a source's enumerator does, as long as the region is not lost */
  async startEnumerators(): Promise<void> {
    try {
      await this.#enumerators.start()
    } catch (error) {
      if (!this.lost) throw error
    }
    this.#enumeratorsStarted = true
    this.#tellRestored()
  }

  /** What each of its sources' enumerators has to say for a checkpoint, by operator. */
  snapshot(): ReadonlyMap<number, unknown> {
    return this.#enumerators.snapshot()
  }

  get restored(): boolean {
    return this.#enumeratorsStarted && this.#restored.size === this.deployments.length
  }

  get ready(): boolean {
    return this.#ready.size === this.deployments.length
  }

  get closed(): boolean {
    return this.#closed.size === this.deployments.length
  }

  get lost(): boolean {
    return this.#gone.signal.aborted
  }

  lose(): void {
    this.#gone.abort()
  }

  send(message: MasterMessage): void {
    if (this.#links.length === 0) this.#unsent.push(message)
    for (const link of this.#links) link.send(message)
  }

  /** Ends slots, which have some time for it, and enumerators. */
  close(): Promise<void> {
    return (this.#closing ??= this.#end())
  }

  #message(slot: number, message: SlotMessage): void {
    if (message.kind === 'closed') {
      this.#closed.add(slot)
      return this.#tellClosed()
    }
    if (this.lost && !(message.kind === 'coordinator' && message.message.kind === 'acknowledged')) return
    switch (message.kind) {
      case 'restored':
        this.#restored.add(slot)
        return this.#tellRestored()
      case 'ready':
        this.#ready.add(slot)
        return this.#tellReady()
      case 'reader-ready':
        return this.#addReader(message.reader)
      case 'coordinator':
        return this.#handler.coordinator(message.message)
      case 'failed':
        return this.#failed(message.failure)
      case 'log':
        return this.#handler.log(message.record)
      case 'metrics':
        return this.#handler.metrics(this.#parts.firstSlot + slot, message.report)
      default:
        message satisfies never
    }
  }

  #failed(failure: FailureReport): void {
    if (!this.lost) this.#handler.failed(failure)
  }

  #addReader(reader: OperatorInstance): void {
    try {
      this.#enumerators.addReader(reader)
    } catch (error) {
      if (!this.lost) this.#handler.enumeratorFailed(error)
    }
  }

  #tellRestored(): void {
    if (this.restored && !this.lost) this.#handler.restored()
  }

  #tellReady(): void {
    if (this.ready && !this.lost) this.#handler.ready()
  }

  #tellClosed(): void {
    if (!this.closed) return
    this.#allClosed?.()
    this.#handler.closed()
  }

  async #end(): Promise<void> {
    this.send({ kind: 'cancel' })
    if (this.#closed.size < this.#links.length) {
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.clock.after(CLOSE_TIMEOUT_MS, resolve)
        this.#allClosed = () => {
          cancel()
          resolve()
        }
      })
    }
    await Promise.all(this.#links.map((link) => link.terminate()))
    await this.#enumerators.close().catch(() => {})
  }

  #sendTo(subtask: number, message: MasterMessage): void {
    this.#links[subtask % this.#links.length]!.send(message)
  }
}

/** Launches regions together, then starts their enumerators. @throws what launching or an enumerator does */
export async function launchRegions(runs: readonly RegionRun[], launcher: SlotLauncher, isOver: () => boolean): Promise<void> {
  const links = await launcher.launch(
    runs.flatMap(({ deployments }) => deployments),
    runs.flatMap((run) => run.slotHandlers),
  )
  let first = 0
  for (const run of runs) run.attach(links.slice(first, (first += run.deployments.length)))
  for (const run of runs) if (!isOver()) await run.startEnumerators()
}
