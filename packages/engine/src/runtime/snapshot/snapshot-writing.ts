/**
 * The writing of one snapshot: in slices between batches, operator by operator, and what is in flight to it when that is whole.
 *
 * 1. It comes to its end once, with every byte durable or with what it failed on; of one that fails or is given up no file is left.
 * 2. A sink that could not make its output durable is told apart from all other failures.
 */
import type { Clock } from '@millrace/core'
import type { InFlightFile, StateFileHandle, SubtaskOperatorState } from '../../checkpoint/handles.ts'
import type { CreateFile } from './database-snapshots.ts'
import type { InFlightSnapshot, InFlightWriting } from './in-flight.ts'
import type { OperatorPart } from './operator-part.ts'
import type { Background, BackgroundHost } from '../background.ts'

export type SnapshotResult =
  | { readonly kind: 'written'; readonly operators: readonly SubtaskOperatorState[]; readonly newFiles: readonly StateFileHandle[] }
  | { readonly kind: 'failed' | 'sink-failed'; readonly error: unknown }

export interface SnapshotWritingOptions {
  /** By place in the chain. */
  readonly parts: readonly OperatorPart[]
  /** Still being collected perhaps; undefined: nothing is. */
  readonly inFlight: InFlightSnapshot | undefined
  readonly create: CreateFile
  readonly clock: Clock
  readonly slot: BackgroundHost
  readonly done: (result: SnapshotResult) => void
}

export class SnapshotWriting implements Background {
  readonly #options: SnapshotWritingOptions
  /** By place in the chain. */
  readonly #inFlight: Map<number, InFlightWriting> = new Map()
  #current = 0
  #over = false
  #aborted = false

  constructor(options: SnapshotWritingOptions) {
    this.#options = options
  }

  step(budgetMs: number): boolean {
    if (this.#over) return false
    const { parts, inFlight, clock } = this.#options
    const endMs = clock.monotonic() + budgetMs
    const out = (): boolean => clock.monotonic() >= endMs
    while (this.#current < parts.length) {
      const part = parts[this.#current]!
      if (!part.step(out, this.#goOn)) return !part.waiting
      this.#current++
    }
    if (inFlight?.whole === false) {
      inFlight.onWhole = this.#goOn
      return false
    }
    this.#over = true
    void this.#finish()
    return false
  }

  async abort(): Promise<void> {
    this.#over = true
    this.#aborted = true
    await this.#abortFiles()
  }

  readonly #goOn = (): void => this.#options.slot.addBackground(this)

  async #abortFiles(): Promise<void> {
    for (const part of this.#options.parts) await part.abort()
    for (const writing of this.#inFlight.values()) await writing.abort()
  }

  async #finish(): Promise<void> {
    const operators: SubtaskOperatorState[] = []
    const newFiles: StateFileHandle[] = []
    let kind: 'failed' | 'sink-failed' = 'failed'
    try {
      for (const [place, part] of this.#options.parts.entries()) {
        const finished = await part.finish()
        newFiles.push(...finished.newFiles)
        const inFlight = await this.#writeInFlight(place)
        if (inFlight !== undefined) newFiles.push(inFlight)
        kind = 'sink-failed'
        const sinkHandles = await part.sinkHandles
        kind = 'failed'
        operators.push({
          ...finished.state,
          ...(inFlight === undefined ? {} : { inFlight }),
          ...(sinkHandles === undefined ? {} : { sinkHandles }),
        })
      }
    } catch (error) {
      await this.#abortFiles()
      this.#options.done({ kind, error })
      return
    }
    this.#options.done({ kind: 'written', operators, newFiles })
  }

  async #writeInFlight(place: number): Promise<InFlightFile | undefined> {
    if (this.#aborted) throw new Error('the snapshot was given up')
    const { inFlight, create } = this.#options
    const writing = inFlight?.writing(place, () => create(`operator-${place}-in-flight`))
    if (writing === undefined) return undefined
    this.#inFlight.set(place, writing)
    return await writing.finish()
  }
}
