import type { StoredFile } from '../ordered-store.ts'

/** Files that values are appended to. Calls that end in `Now` hold the thread meanwhile, as those of a database do. */
export interface ValueFiles {
  /** An empty one. */
  create(name: string): ValueFile
  /** One out of a checkpoint. Nothing is appended to it any more. */
  restore(file: StoredFile): Promise<ValueFile>
  /** Removes all that are left. None is in use. */
  removeAll(): Promise<void>
}

export interface ValueFile {
  readonly name: string
  /** Where it is on this machine's disk, if it is there. */
  readonly path?: string
  /** Bytes of it. */
  readonly length: number
  appendNow(bytes: Uint8Array): void
  /** All of `into`. @throws TypeError where the file ends before that */
  readNow(into: Uint8Array, position: number): void
  /** All of `into`, on another thread. Rejects with a TypeError where the file ends before that. */
  read(into: Uint8Array, position: number): Promise<void>
  /** Removes it. Nobody reads it any more. */
  remove(): Promise<void>
}

export function endsBefore(name: string, end: number, length: number): TypeError {
  return new TypeError(`the file ${name} ends at byte ${length}, where there should be ${end}`)
}

const NAME = /^(\d+)\.values$/

export function valueFileName(number: number): string {
  return `${String(number).padStart(6, '0')}.values`
}

/** Whether a file of a checkpoint holds values. */
export function isValueFile(name: string): boolean {
  return NAME.test(name)
}

/** The number in such a name. */
export function segmentNumberOf(name: string): number {
  return Number(NAME.exec(name)![1])
}
