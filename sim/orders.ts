/** What users ask of a running job in one life, each at its time. */
import { MillraceError } from '@millrace/core'
import type { RunningJob } from '@millrace/engine'
import type { LocalJobOptions } from '@millrace/engine/simulation'
import type { LifePlan } from './live.ts'
import type { Observer } from './observer.ts'
import { SAVEPOINTS } from './places.ts'
import type { Situation } from './situations.ts'
import type { Life } from './world.ts'

export type ControlledJob = Parameters<NonNullable<LocalJobOptions['control']>>[0]

export interface OrdersParts {
  readonly running: RunningJob
  /** Undefined while it takes no orders from the command line. */
  readonly controlled: () => ControlledJob | undefined
  readonly life: Life
  readonly plan: LifePlan
  readonly observer: Observer
  readonly reached: (situation: Situation) => void
}

export class Orders {
  readonly #parts: OrdersParts
  /** Where the job can go on from that was stopped with a savepoint. */
  stoppedAt: string | undefined
  wasCancelled = false
  /** Completed checkpoints that are to be kept. */
  numRetained: number

  constructor(parts: OrdersParts, numRetained: number) {
    this.#parts = parts
    this.numRetained = numRetained
    const { plan } = parts
    if (plan.stopAtMs !== undefined) this.#at(plan.stopAtMs, () => this.#stop())
    for (const atMs of plan.savepointsAtMs ?? []) this.#at(atMs, () => this.#savepoint())
    for (const { atMs, changes } of plan.optionChanges ?? []) this.#at(atMs, () => this.#change(changes))
    if (plan.cancel !== undefined) this.#at(plan.cancel.atMs, () => this.#cancel())
  }

  #at(atMs: number, order: () => Promise<unknown> | void): void {
    this.#parts.life.clock.after(atMs, () => void order())
  }

  async #stop(): Promise<void> {
    const { running, plan } = this.#parts
    this.#noteOpening()
    if (plan.stopWithSavepoint !== true) return void (await running.stop())
    this.stoppedAt = await this.#ask(async () => (await running.stop({ savepoint: { dir: SAVEPOINTS } }))?.path, 'stop with savepoint')
  }

  async #savepoint(): Promise<void> {
    this.#noteOpening()
    await this.#ask(async () => (await this.#parts.running.savepoint({ dir: SAVEPOINTS })).path, 'savepoint')
  }

  #change(changes: { readonly [key: string]: string }): void {
    const { controlled, observer, reached } = this.#parts
    const job = controlled()
    if (job === undefined) return
    try {
      job.configure(changes)
    } catch (error) {
      // More checkpoints at a time than unaligned ones may be: then nothing of it is changed.
      if (error instanceof MillraceError && error.code === 'CHECKPOINT_UNALIGNED_CONFLICT') return
      throw error
    }
    // Once the final checkpoint is there it is too late.
    if (!observer.hasEnded) this.numRetained = Number(changes['checkpointing.numRetained'] ?? this.numRetained)
    reached('options changed')
    if (observer.isWriting) reached('options changed while a checkpoint is written')
    if (observer.isOpening) reached('options changed while tasks open')
  }

  async #cancel(): Promise<void> {
    this.wasCancelled = true
    await this.#parts.running.cancel()
  }

  #noteOpening(): void {
    if (this.#parts.observer.isOpening) this.#parts.reached('savepoint or stop asked for while tasks open')
  }

  /** Answers the path of a savepoint, if it came to one. It is asked for again while the job starts. */
  async #ask(order: () => Promise<string | undefined>, situation: Situation): Promise<string | undefined> {
    const { life, reached } = this.#parts
    for (;;) {
      try {
        const path = await order()
        reached(situation)
        return path
      } catch (error) {
        if (!String(error).includes('it is starting')) {
          reached('savepoint given up')
          return undefined
        }
        await new Promise<void>((resolve) => void life.clock.after(20, resolve))
      }
    }
  }
}
