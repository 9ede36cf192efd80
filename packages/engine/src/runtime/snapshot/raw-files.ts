/**
 * Raw state on its way into files and back: what was written at the barrier goes into one file an operator instance, and comes back piece by piece.
 */
import { crc32 } from 'node:zlib'
import type { FileRun, RawPart, RawStateFile } from '../../checkpoint/handles.ts'
import type { StateFileReader, StateFileStorage, StateFileWriter } from '../../checkpoint/storage.ts'
import type { OperatorState } from '../../state/operator/operator-state.ts'
import type { RawPartBytes } from '../../state/operator/raw-state.ts'

/** Bytes of one run, about: what a restore holds in memory at a time. */
const RUN_BYTES = 1024 * 1024

/** Raw state of one checkpoint, to be written. */
export class RawSnapshot {
  readonly #parts: readonly RawPartBytes[]
  readonly #create: () => Promise<StateFileWriter>
  #file: StateFileWriter | undefined
  #aborted = false

  constructor(parts: readonly RawPartBytes[], create: () => Promise<StateFileWriter>) {
    this.#parts = parts
    this.#create = create
  }

  /** Everything is durable. Undefined if there was nothing to write. */
  async finish(): Promise<RawStateFile | undefined> {
    if (this.#parts.length === 0) return undefined
    if (this.#aborted) throw new Error('the snapshot was given up')
    const file = await this.#create()
    this.#file = file
    const parts: RawPart[] = []
    for (const { state, keyGroup, pieces } of this.#parts) parts.push({ state, keyGroup, runs: await this.#write(file, pieces) })
    if (this.#aborted) throw new Error('the snapshot was given up')
    return { ...(await file.finish()), parts }
  }

  /** Nobody will refer to it: its file goes, even if it is whole. */
  async abort(): Promise<void> {
    this.#aborted = true
    await this.#file?.abort()
  }

  async #write(file: StateFileWriter, pieces: readonly Uint8Array[]): Promise<readonly FileRun[]> {
    const runs: FileRun[] = []
    for (const bytes of runsOf(pieces)) {
      if (this.#aborted) throw new Error('the snapshot was given up')
      const offset = file.length
      await file.write(bytes)
      runs.push({ offset, length: bytes.length, crc32: crc32(bytes) })
    }
    return runs
  }
}

/** The pieces, small ones put together, large ones cut. */
function* runsOf(pieces: readonly Uint8Array[]): Iterable<Uint8Array> {
  let waiting: Uint8Array[] = []
  let size = 0
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += RUN_BYTES) {
      const cut = piece.subarray(from, from + RUN_BYTES)
      if (size + cut.length > RUN_BYTES) {
        yield Buffer.concat(waiting)
        waiting = []
        size = 0
      }
      waiting.push(cut)
      size += cut.length
    }
  }
  if (size > 0) yield Buffer.concat(waiting)
}

/** Hands each part to the operator that it is of. */
export async function restoreRaw(storage: StateFileStorage, files: readonly RawStateFile[], state: OperatorState): Promise<void> {
  for (const file of files) {
    const reader = await storage.openStateFile(file)
    try {
      for (const part of file.parts) await state.restoreRaw(part.state, part.keyGroup, readRuns(reader, part.runs))
    } finally {
      await reader.close().catch(() => {}) // nothing was written
    }
  }
}

async function* readRuns(reader: StateFileReader, runs: readonly FileRun[]): AsyncIterable<Uint8Array> {
  for (const run of runs) yield await reader.read(run.offset, run.length, run.crc32)
}
