import type { KeyedStateFile, KeyGroupSegment } from '../checkpoint/handles.ts'
import type { StateFileWriter } from '../checkpoint/storage.ts'

/** The keyed state of one subtask on its way into a file, segment by segment. The file is made with the first. */
export class KeyedFileWriter {
  readonly #create: () => Promise<StateFileWriter>
  readonly #segments: KeyGroupSegment[] = []
  #file: StateFileWriter | undefined

  constructor(create: () => Promise<StateFileWriter>) {
    this.#create = create
  }

  async write(bytes: Uint8Array, segment: Omit<KeyGroupSegment, 'offset'>): Promise<void> {
    this.#file ??= await this.#create()
    this.#segments.push({ ...segment, offset: this.#file.length })
    await this.#file.write(bytes)
  }

  /** None if nothing was written. */
  async finish(): Promise<readonly KeyedStateFile[]> {
    if (this.#file === undefined) return []
    return [{ ...(await this.#file.finish()), segments: this.#segments }]
  }

  async abort(): Promise<void> {
    await this.#file?.abort()
  }
}
