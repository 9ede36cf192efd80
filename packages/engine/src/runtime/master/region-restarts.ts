/**
 * Starts lost regions again while all others go on.
 *
 * 1. Of one region one restart after the other: each begins when nothing is left of the run before.
 * 2. Once the attempt is over nothing more is launched; `settled` resolves when what was under way has seen it.
 */
import type { Cancel, Clock } from '@millrace/core'
import type { Region } from '../../graph/regions.ts'
import type { FailureReport } from '../deployment/messages.ts'
import { launchRegions, type RegionRun, type RegionStart } from './region-run.ts'
import type { SlotLauncher } from '../slot/slot-link.ts'

export interface RegionRestartsParts {
  readonly clock: Clock
  readonly launcher: SlotLauncher
  /** Whether the attempt has its outcome. */
  readonly isOver: () => boolean
  /** Whether the job waits for the region to come to its end. */
  readonly isEnding: () => boolean
  /** Resolves when nothing is being persisted: what becomes complete now is what the region is to start from. */
  readonly settled: () => Promise<void>
  readonly start: (region: Region) => Promise<RegionStart | undefined>
  /** Tells everybody that the region is about to be launched. */
  readonly launched: (region: Region, start: RegionStart) => RegionRun
  /** The region cannot start from where all others are. */
  readonly impossible: (failure: FailureReport) => void
  readonly failed: (error: unknown) => void
}

export class RegionRestarts {
  readonly #parts: RegionRestartsParts
  /** By region. */
  readonly #underWay: Map<number, Promise<void>> = new Map()
  readonly #delays: Set<() => void> = new Set()

  constructor(parts: RegionRestartsParts) {
    this.#parts = parts
  }

  /** `lost`: the run that has failed. */
  restart(lost: RegionRun, failure: FailureReport, delayMs: number): void {
    const { id } = lost.region
    const before = this.#underWay.get(id) ?? Promise.resolve()
    const restart = before.then(() => this.#restart(lost, failure, delayMs)).catch((error: unknown) => this.#parts.failed(error))
    this.#underWay.set(id, restart)
  }

  /** The job is to end: those that wait do so no longer. */
  hurry(): void {
    for (const end of this.#delays) end()
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  async #restart(lost: RegionRun, failure: FailureReport, delayMs: number): Promise<void> {
    const { launcher, isOver, settled, start, launched, impossible } = this.#parts
    await lost.close()
    await settled()
    if (!isOver()) await this.#delay(delayMs)
    if (isOver()) return
    const next = await start(lost.region)
    if (isOver()) return
    if (next === undefined) return impossible(failure)
    await launchRegions([launched(lost.region, next)], launcher, isOver)
  }

  #delay(delayMs: number): Promise<void> {
    if (this.#parts.isEnding()) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel: Cancel = this.#parts.clock.after(delayMs, () => end())
      const end = (): void => {
        cancel()
        this.#delays.delete(end)
        resolve()
      }
      this.#delays.add(end)
    })
  }
}
