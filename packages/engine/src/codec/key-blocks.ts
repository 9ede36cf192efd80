/**
 * The key lists of objects that were written: a list that was met before is copied as bytes.
 *
 * 1. A remembered list is found by all its keys, never by its slot alone.
 * 2. A slot holds the list that fell on it last: what is kept is bounded, whatever is written.
 */
import type { ByteWriter } from './byte-writer.ts'

/** A power of two. */
const SLOTS = 256
const REMEMBERED_KEYS_MAX = 64

interface Remembered {
  readonly keys: readonly string[]
  /** The keys as bytes, made when the list is met again. */
  block: Uint8Array | undefined
}

export class KeyBlocks {
  readonly #slots: (Remembered | undefined)[] = Array.from({ length: SLOTS }, () => undefined)

  /** Writes the length of the list in bytes, and its keys. */
  write(keys: readonly string[], writer: ByteWriter): void {
    if (keys.length === 0) return writer.byte(0)
    const slot = slotOf(keys)
    const remembered = this.#slots[slot]
    if (remembered?.block !== undefined && sameKeys(remembered.keys, keys)) return writer.raw(remembered.block)
    const start = writer.position
    writeBlock(keys, writer)
    if (remembered !== undefined && sameKeys(remembered.keys, keys)) remembered.block = Uint8Array.from(writer.view(start))
    else if (keys.length <= REMEMBERED_KEYS_MAX) this.#slots[slot] = { keys, block: undefined }
  }
}

function slotOf(keys: readonly string[]): number {
  const first = keys[0]!
  const last = keys[keys.length - 1]!
  return (keys.length * 31 + first.charCodeAt(0) * 7 + first.length * 3 + last.length * 5 + last.charCodeAt(0)) & (SLOTS - 1)
}

function sameKeys(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
  return true
}

/** The block's length stands before it: one byte is guessed, and the block moved if it needs more. */
function writeBlock(keys: readonly string[], writer: ByteWriter): void {
  const start = writer.position
  writer.byte(0)
  for (const key of keys) writer.text(key)
  const length = writer.position - start - 1
  if (length <= 0x7f) return writer.patchByte(start, length)
  const block = Uint8Array.from(writer.view(start + 1))
  writer.rewind(start)
  writer.varint(length)
  writer.raw(block)
}
