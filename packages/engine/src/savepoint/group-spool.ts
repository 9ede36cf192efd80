/**
 * Entries of keyed state on their way from any order into that of their key groups, on disk where they are many.
 *
 * 1. In memory are at most `HELD_BYTES_MAX`, and where the pieces of each group are.
 * 2. The file is made with the first byte that does not fit, and gone after `close`.
 */
import type { Disk, FileHandle } from '@millrace/core'
import { withStorageErrors } from '../checkpoint/storage-errors.ts'
import { decodeValue, encodeValue } from '../codec/value.ts'

const HELD_BYTES_MAX = 32 * 1024 * 1024

interface Piece {
  readonly offset: number
  readonly length: number
}

export class GroupSpool {
  readonly #disk: Disk
  readonly #path: string
  readonly #bytesMax: number
  #file: FileHandle | undefined
  #fileLength = 0
  #heldBytes = 0
  readonly #held: Map<number, Uint8Array[]> = new Map()
  readonly #pieces: Map<number, Piece[]> = new Map()

  constructor(disk: Disk, path: string, bytesMax: number = HELD_BYTES_MAX) {
    this.#disk = disk
    this.#path = path
    this.#bytesMax = bytesMax
  }

  /** Ascending. */
  get groups(): readonly number[] {
    return [...new Set([...this.#held.keys(), ...this.#pieces.keys()])].toSorted((a, b) => a - b)
  }

  async add(group: number, item: unknown): Promise<void> {
    const bytes = encodeValue(item)
    const list = this.#held.get(group)
    if (list === undefined) this.#held.set(group, [bytes])
    else list.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes > this.#bytesMax) await this.#spill()
  }

  /** What was added to a group, in its order. */
  async *read(group: number): AsyncIterable<unknown> {
    for (const { offset, length } of this.#pieces.get(group) ?? []) {
      const bytes = new Uint8Array(length)
      await this.#guard(async () => {
        for (let at = 0; at < length;) {
          const count = await this.#file!.read(bytes.subarray(at), offset + at)
          if (count === 0) throw new Error(`${this.#path} ends at byte ${offset + at}`)
          at += count
        }
      })
      yield* framed(bytes)
    }
    for (const bytes of this.#held.get(group) ?? []) yield decodeValue(bytes)
  }

  async close(): Promise<void> {
    this.#held.clear()
    this.#pieces.clear()
    if (this.#file === undefined) return
    await this.#file.close()
    this.#file = undefined
    await this.#disk.remove(this.#path)
  }

  async #spill(): Promise<void> {
    await this.#guard(async () => {
      this.#file ??= await this.#disk.open(this.#path, 'update')
      const chunks: Uint8Array[] = []
      const start = this.#fileLength
      for (const [group, items] of this.#held) {
        const bytes = frame(items)
        const piece = { offset: this.#fileLength, length: bytes.length }
        const pieces = this.#pieces.get(group)
        if (pieces === undefined) this.#pieces.set(group, [piece])
        else pieces.push(piece)
        this.#fileLength += bytes.length
        chunks.push(bytes)
      }
      await this.#file.writeAll(chunks, start)
    })
    this.#held.clear()
    this.#heldBytes = 0
  }

  #guard<T>(work: () => Promise<T>): Promise<T> {
    return withStorageErrors(this.#path, work)
  }
}

function frame(items: readonly Uint8Array[]): Uint8Array {
  const total = items.reduce((sum, { length }) => sum + 4 + length, 0)
  const bytes = Buffer.alloc(total)
  let at = 0
  for (const item of items) {
    at = bytes.writeUInt32LE(item.length, at)
    bytes.set(item, at)
    at += item.length
  }
  return bytes
}

function* framed(bytes: Uint8Array): Iterable<unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at, true)
    yield decodeValue(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
}
